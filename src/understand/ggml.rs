//! Whether bytes are a whole Whisper model in ggml format. whisper.cpp trusts the sizes that a file states and
//! aborts the process on some of them, so a damaged or truncated file is found here first.

/// The file's first four bytes.
pub const MAGIC: &[u8] = b"lmgg";
/// Vocabulary sizes of OpenAI's models: English-only, multilingual, and large-v3's.
const VOCABULARIES: std::ops::RangeInclusive<i32> = 51_864..=51_866;
/// The format has at most four dimensions a tensor.
const DIMENSIONS_MAX: i32 = 4;

/// Bytes of a block and values in it, for each ggml tensor type that whisper.cpp reads.
fn block(kind: i32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (4, 1),
        1 => (2, 1),
        2 => (18, 32),
        3 => (20, 32),
        6 => (22, 32),
        7 => (24, 32),
        8 => (34, 32),
        10 => (84, 256),
        11 => (110, 256),
        12 => (144, 256),
        13 => (176, 256),
        14 => (210, 256),
        _ => return None,
    })
}

/// Whether whisper.cpp takes a file of this type: it ends the process on others. Thousands count the version of the
/// quantisation. Of the known types those that [`block`] lacks are refused, too.
fn is_known(file_type: i32) -> bool {
    file_type >= 0 && matches!(file_type % 1000, 0..=3 | 7..=14)
}

/// Walks through the header, the mel filters, the vocabulary and every tensor to the last byte.
///
/// # Errors
/// What is wrong, and where.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let mut r = Reader { bytes, at: 0 };
    r.skip(MAGIC.len() as u64)?;
    if !bytes.starts_with(MAGIC) {
        return Err("this is no ggml Whisper model (its first bytes are not \"lmgg\")".into());
    }
    let mut header = [0; 11];
    for value in &mut header {
        *value = r.i32()?;
    }
    let [
        vocabulary,
        audio_ctx,
        audio_state,
        audio_head,
        audio_layer,
        text_ctx,
        text_state,
        text_head,
        text_layer,
        mels,
        file_type,
    ] = header;
    let sane = VOCABULARIES.contains(&vocabulary)
        && (1..=1500).contains(&audio_ctx)
        && (1..=448).contains(&text_ctx)
        && [audio_state, text_state].iter().all(|s| (1..=4096).contains(s))
        && audio_state == text_state
        && [audio_head, text_head].iter().all(|&h| (1..=64).contains(&h) && audio_state % h == 0)
        && [audio_layer, text_layer].iter().all(|l| (1..=64).contains(l))
        && [80, 128].contains(&mels)
        && is_known(file_type);
    if !sane {
        return Err(format!("its header is not that of a Whisper model: {header:?}"));
    }
    let (filters, bins) = (r.i32()?, r.i32()?);
    if filters != mels || bins != 201 {
        return Err(format!("its mel filters are {filters} x {bins}, not {mels} x 201"));
    }
    r.skip(u64::from(filters.unsigned_abs()) * 201 * 4)?;
    let words = r.i32()?;
    if !(1..=vocabulary).contains(&words) {
        return Err(format!("it states {words} words for a vocabulary of {vocabulary}"));
    }
    for _ in 0..words {
        let len = r.i32()?;
        r.skip(
            u64::try_from(len).ok().filter(|&l| l <= 1024).ok_or("a word of its vocabulary has no sensible length")?,
        )?;
    }
    let mut tensors = 0;
    while r.at < bytes.len() {
        r.tensor()?;
        tensors += 1;
    }
    // Two convolutions, and at least ten tensors for each layer.
    let least = 4 + 10 * (audio_layer + text_layer);
    if tensors < least { Err(format!("it ends after {tensors} tensors; it is damaged or cut short")) } else { Ok(()) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn i32(&mut self) -> Result<i32, String> {
        let rest = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<4>).ok_or_else(|| self.cut())?;
        self.at += 4;
        Ok(i32::from_le_bytes(*rest))
    }

    fn skip(&mut self, len: u64) -> Result<(), String> {
        let end = usize::try_from(len).ok().and_then(|l| self.at.checked_add(l)).filter(|&e| e <= self.bytes.len());
        self.at = end.ok_or_else(|| self.cut())?;
        Ok(())
    }

    fn tensor(&mut self) -> Result<(), String> {
        let (dimensions, name_len, kind) = (self.i32()?, self.i32()?, self.i32()?);
        let wrong = |at: usize| format!("there is no valid tensor at byte {at}; it is damaged");
        let start = self.at;
        let (bytes, values) =
            block(kind).filter(|_| (1..=DIMENSIONS_MAX).contains(&dimensions)).ok_or_else(|| wrong(start))?;
        let mut count = 1u64;
        for _ in 0..dimensions {
            let n =
                u64::try_from(self.i32()?).ok().filter(|n| (1..=1 << 24).contains(n)).ok_or_else(|| wrong(start))?;
            count = count.checked_mul(n).ok_or_else(|| wrong(start))?;
        }
        self.skip(u64::try_from(name_len).ok().filter(|&l| l <= 256).ok_or_else(|| wrong(start))?)?;
        self.skip(count / values * bytes)
    }

    fn cut(&self) -> String {
        format!("it is cut short: {} bytes are not all of it", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::whisper::EMBEDDED_MODEL;
    use super::check;

    #[test]
    fn the_shipped_model_is_whole() {
        assert_eq!(check(EMBEDDED_MODEL), Ok(()));
    }

    #[test]
    fn anything_less_is_not() {
        let model = EMBEDDED_MODEL;
        for len in [0, 3, 4, 40, 48, 60, 70_000, model.len() / 2, model.len() - 1] {
            assert!(check(&model[..len]).is_err(), "cut to {len} bytes");
        }
        let with = |at: usize, value: i32| {
            let mut other = model.to_vec();
            other[at..at + 4].copy_from_slice(&value.to_le_bytes());
            check(&other)
        };
        for at in [0, 4, 8, 12, 20, 44, 48] {
            assert!(with(at, -7).is_err(), "broken at {at}");
        }
        for file_type in [4, 5, 6, 15, 24, 26, 999, 1004, i32::MAX, i32::MIN] {
            assert!(with(44, file_type).is_err(), "file type {file_type}");
        }
        for file_type in [0, 1, 2, 2007, 2014] {
            assert_eq!(with(44, file_type), Ok(()), "file type {file_type}");
        }
    }
}
