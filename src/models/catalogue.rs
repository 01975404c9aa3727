//! The Whisper models that can be fetched by name: what each file is called, how long it is, and its digest.
//!
//! Sizes and SHA-256 are those of the git-LFS pointers in ggerganov/whisper.cpp on Hugging Face, revision
//! 5359861c (29 October 2024, still the newest in September 2026). Every pair below, written out as a pointer
//! file, has the git blob id that the host reports for that file. large-v1 and large-v2 are left out: large-v3
//! replaces them.

/// Where the files lie: the folder that whisper.cpp's own download script uses.
pub const BASE: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main";

/// One file that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// As whisper.cpp's download script names it: `base`, `tiny.en-q5_1`.
    pub name: &'static str,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: &'static str,
}

impl Model {
    /// The file's name, the same at the source and on the disk.
    pub fn file(&self) -> String {
        format!("ggml-{}.bin", self.name)
    }

    /// Whether it knows English only; all others know Chinese too.
    pub fn is_english_only(&self) -> bool {
        self.name.contains(".en")
    }
}

const fn model(name: &'static str, bytes: u64, sha256: &'static str) -> Model {
    Model { name, bytes, sha256 }
}

/// All of them, small ones first.
#[rustfmt::skip]
pub const MODELS: &[Model] = &[
    model("tiny", 77_691_713, "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21"),
    model("tiny-q5_1", 32_152_673, "818710568da3ca15689e31a743197b520007872ff9576237bda97bd1b469c3d7"),
    model("tiny-q8_0", 43_537_433, "c2085835d3f50733e2ff6e4b41ae8a2b8d8110461e18821b09a15c40c42d1cca"),
    model("tiny.en", 77_704_715, "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f"),
    model("tiny.en-q5_1", 32_166_155, "c77c5766f1cef09b6b7d47f21b546cbddd4157886b3b5d6d4f709e91e66c7c2b"),
    model("tiny.en-q8_0", 43_550_795, "5bc2b3860aa151a4c6e7bb095e1fcce7cf12c7b020ca08dcec0c6d018bb7dd94"),
    model("base", 147_951_465, "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe"),
    model("base-q5_1", 59_707_625, "422f1ae452ade6f30a004d7e5c6a43195e4433bc370bf23fac9cc591f01a8898"),
    model("base-q8_0", 81_768_585, "c577b9a86e7e048a0b7eada054f4dd79a56bbfa911fbdacf900ac5b567cbb7d9"),
    model("base.en", 147_964_211, "a03779c86df3323075f5e796cb2ce5029f00ec8869eee3fdfb897afe36c6d002"),
    model("base.en-q5_1", 59_721_011, "4baf70dd0d7c4247ba2b81fafd9c01005ac77c2f9ef064e00dcf195d0e2fdd2f"),
    model("base.en-q8_0", 81_781_811, "a4d4a0768075e13cfd7e19df3ae2dbc4a68d37d36a7dad45e8410c9a34f8c87e"),
    model("small", 487_601_967, "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b"),
    model("small-q5_1", 190_085_487, "ae85e4a935d7a567bd102fe55afc16bb595bdb618e11b2fc7591bc08120411bb"),
    model("small-q8_0", 264_464_607, "49c8fb02b65e6049d5fa6c04f81f53b867b5ec9540406812c643f177317f779f"),
    model("small.en", 487_614_201, "c6138d6d58ecc8322097e0f987c32f1be8bb0a18532a3f88f734d1bbf9c41e5d"),
    model("small.en-q5_1", 190_098_681, "bfdff4894dcb76bbf647d56263ea2a96645423f1669176f4844a1bf8e478ad30"),
    model("small.en-q8_0", 264_477_561, "67a179f608ea6114bd3fdb9060e762b588a3fb3bd00c4387971be4d177958067"),
    model("medium", 1_533_763_059, "6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208"),
    model("medium-q5_0", 539_212_467, "19fea4b380c3a618ec4723c3eef2eb785ffba0d0538cf43f8f235e7b3b34220f"),
    model("medium-q8_0", 823_369_779, "42a1ffcbe4167d224232443396968db4d02d4e8e87e213d3ee2e03095dea6502"),
    model("medium.en", 1_533_774_781, "cc37e93478338ec7700281a7ac30a10128929eb8f427dda2e865faa8f6da4356"),
    model("medium.en-q5_0", 539_225_533, "76733e26ad8fe1c7a5bf7531a9d41917b2adc0f20f2e4f5531688a8c6cd88eb0"),
    model("medium.en-q8_0", 823_382_461, "43fa2cd084de5a04399a896a9a7a786064e221365c01700cea4666005218f11c"),
    model("large-v3", 3_095_033_483, "64d182b440b98d5203c4f9bd541544d84c605196c4f7b845dfa11fb23594d1e2"),
    model("large-v3-q5_0", 1_081_140_203, "d75795ecff3f83b5faa89d1900604ad8c780abd5739fae406de19f23ecd98ad1"),
    model("large-v3-turbo", 1_624_555_275, "1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69"),
    model("large-v3-turbo-q5_0", 574_041_195, "394221709cd5ad1f40c46e6031ca61bce88931e6e088c188294c6d5a55ffa7e2"),
    model("large-v3-turbo-q8_0", 874_188_075, "317eb69c11673c9de1e1f0d459b253999804ec71ac4c23c17ecf5fbe24e259a1"),
];

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|m| m.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_whole_and_none_is_there_twice() {
        for (i, m) in MODELS.iter().enumerate() {
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(m.sha256.len() == 64 && m.sha256.chars().all(hex), "{}: {}", m.name, m.sha256);
            assert!((30_000_000..3_200_000_000).contains(&m.bytes), "{}: {}", m.name, m.bytes);
            for other in &MODELS[..i] {
                assert!(other.name != m.name && other.bytes != m.bytes && other.sha256 != m.sha256, "{}", m.name);
            }
        }
        assert_eq!(find("base").map(Model::file).as_deref(), Some("ggml-base.bin"));
        assert!(find("small.en-q5_1").is_some_and(Model::is_english_only) && find("vast").is_none());
    }
}
