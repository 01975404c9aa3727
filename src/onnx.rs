//! Runs a small ONNX model: named `f32` tensors in, `f32` tensors out.
//!
//! The only file that names `ort`. The engine is the embedded `ort-tract`, so that a build needs nothing but
//! published crates; with the cargo feature `onnxruntime` it is Microsoft's library, opened at run time
//! (`ORT_DYLIB_PATH`, or `libonnxruntime.so` where the system looks for libraries). Whatever is wrong with a
//! model is a [`Fault`], and found when it is loaded, not when it first runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::facts::error::Fault;

/// One tensor: its shape and its numbers, row-major.
pub type Tensor = (Vec<usize>, Vec<f32>);

/// A model that is loaded and checked, ready to run.
pub struct Model {
    name: String,
    session: Session,
    inputs: Vec<Port>,
    metadata: Vec<(String, String)>,
}

/// What the model says about one of its inputs; a negative dimension takes any length.
struct Port {
    name: String,
    dims: Vec<i64>,
}

impl Model {
    /// Loads a model. `name` is the file as the user named it, for messages.
    ///
    /// Errors: the bytes are no ONNX model or are cut short, use an operator that the engine lacks, or have an
    /// input or output that is not an `f32` tensor; with `onnxruntime`, the library is missing or too old.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self, Fault> {
        let remedy = "give an ONNX model with f32 inputs and outputs, or install the models again";
        let fault = |what: String| Fault::new(name, "", what, remedy);
        let metadata = read_metadata(bytes).map_err(|what| fault(format!("not an ONNX model: {what}")))?;
        let environment = environment()?;
        #[cfg(not(feature = "onnxruntime"))]
        guarded(|| rehearse(bytes)).map_err(|what| fault(format!("cannot be loaded: {what}")))?;
        let session = guarded(|| {
            let builder = Session::builder(environment).map_err(text)?;
            let builder = builder.with_optimization_level(GraphOptimizationLevel::Level3).map_err(text)?;
            // tract always runs on the calling thread and refuses the question.
            #[cfg(feature = "onnxruntime")]
            let builder = builder.with_intra_threads(1).map_err(text)?;
            let mut builder = builder;
            builder.commit_from_memory(bytes).map_err(text)
        })
        .map_err(|what| fault(format!("cannot be loaded: {what}")))?;
        let inputs = session.inputs().iter().map(port).collect::<Result<Vec<_>, _>>().map_err(fault)?;
        session.outputs().iter().map(port).collect::<Result<Vec<_>, _>>().map_err(fault)?;
        Ok(Self { name: name.to_owned(), session, inputs, metadata })
    }

    /// The value of a custom metadata key of the model file.
    pub fn metadata(&self, key: &str) -> Option<String> {
        self.metadata.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone())
    }

    /// Runs the model on (name, shape, numbers) for every one of its inputs, in any order; the outputs come in the
    /// model's own order.
    ///
    /// Errors: a name the model does not have or that is missing, a shape that does not fit the model or the
    /// number of numbers, or a failure inside the engine.
    pub fn run(&mut self, inputs: &[(&str, &[usize], &[f32])]) -> Result<Vec<Tensor>, Fault> {
        self.check(inputs).and_then(|()| guarded(|| Self::run_session(&mut self.session, inputs))).map_err(|what| {
            Fault::new(&self.name, "", format!("cannot be run: {what}"), "use the model that belongs here")
        })
    }

    fn run_session(session: &mut Session, inputs: &[(&str, &[usize], &[f32])]) -> Result<Vec<Tensor>, String> {
        let mut values = Vec::with_capacity(inputs.len());
        for (name, shape, numbers) in inputs {
            values.push((*name, TensorRef::from_array_view((*shape, *numbers)).map_err(text)?));
        }
        let outputs = session.run(values).map_err(text)?;
        outputs
            .values()
            .map(|value| {
                let (shape, numbers) = value.try_extract_tensor::<f32>().map_err(text)?;
                Ok((shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect(), numbers.to_vec()))
            })
            .collect()
    }

    /// The engine may end the whole process on a tensor that does not fit, so that is refused here.
    fn check(&self, inputs: &[(&str, &[usize], &[f32])]) -> Result<(), String> {
        for port in &self.inputs {
            if !inputs.iter().any(|(name, ..)| *name == port.name) {
                return Err(format!("its input `{}` is not given", port.name));
            }
        }
        for (i, (name, shape, numbers)) in inputs.iter().enumerate() {
            let Some(port) = self.inputs.iter().find(|p| p.name == *name) else {
                return Err(format!("it has no input `{name}`"));
            };
            if inputs[..i].iter().any(|(earlier, ..)| earlier == name) {
                return Err(format!("its input `{name}` is given twice"));
            }
            let fits = port.dims.len() == shape.len()
                && port.dims.iter().zip(*shape).all(|(want, have)| *want < 0 || *want == *have as i64);
            if !fits {
                return Err(format!("its input `{name}` has the shape {:?}, not {shape:?}", port.dims));
            }
            let len = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
            if len != Some(numbers.len()) || numbers.is_empty() {
                return Err(format!("`{name}`: {} numbers do not fill the shape {shape:?}", numbers.len()));
            }
        }
        Ok(())
    }
}

fn port(outlet: &Outlet) -> Result<Port, String> {
    match outlet.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => {
            Ok(Port { name: outlet.name().to_owned(), dims: shape.iter().copied().collect() })
        }
        other => Err(format!("`{}` is {other:?}, not a tensor of f32", outlet.name())),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Parses and plans the model with tract itself: on a damaged file tract may panic, which is harmless here, but
/// behind `ort`'s C interface would end the process. Costs the time of one more load (milliseconds).
#[cfg(not(feature = "onnxruntime"))]
fn rehearse(bytes: &[u8]) -> Result<(), String> {
    use tract_onnx::prelude::{Framework, InferenceModelExt, IntoRunnable};
    let model = tract_onnx::onnx().model_for_read(&mut &bytes[..]).map_err(|e| format!("{e:#}"))?;
    model.into_optimized().and_then(|m| m.into_runnable()).map(drop).map_err(|e| format!("{e:#}"))
}

/// A panic of the engine becomes an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the model engine panicked".to_owned()))
}

/// The engine, started once for the whole process.
fn environment() -> Result<&'static Environment, Fault> {
    static ENVIRONMENT: OnceLock<Result<Environment, Fault>> = OnceLock::new();
    ENVIRONMENT
        .get_or_init(|| {
            ort::set_api(engine()?);
            guarded(|| ort::init().with_name("tiebreak").with_telemetry(false).build().map_err(text))
                .map_err(|what| Fault::new("embedded", "onnx", what, "this is a bug: please report it"))
        })
        .as_ref()
        .map_err(Fault::clone)
}

#[cfg(not(feature = "onnxruntime"))]
fn engine() -> Result<ort::sys::OrtApi, Fault> {
    Ok(ort_tract::api())
}

/// Opens Microsoft's library, for good: `ort` keeps pointers into it.
#[cfg(feature = "onnxruntime")]
fn engine() -> Result<ort::sys::OrtApi, Fault> {
    let path = std::env::var_os("ORT_DYLIB_PATH").unwrap_or_else(|| libloading::library_filename("onnxruntime"));
    let fault = |what: String| {
        let remedy = "set ORT_DYLIB_PATH to an ONNX Runtime 1.24 or newer, or build without the feature `onnxruntime`";
        Fault::new(path.to_string_lossy(), "ORT_DYLIB_PATH", what, remedy)
    };
    // SAFETY: loading a library runs its initialisers; ONNX Runtime's have no preconditions.
    let library = unsafe { libloading::Library::new(&path) }.map_err(|e| fault(e.to_string()))?;
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    type Base = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: this is the type of that function in ONNX Runtime's C interface since its first version.
    let base = unsafe { library.get::<Base>(b"OrtGetApiBase") }.map_err(|e| fault(e.to_string()))?;
    // SAFETY: the function takes nothing; its answer is null or a table that lives as long as the library.
    let base = unsafe { base().as_ref() }.ok_or_else(|| fault("OrtGetApiBase answers nothing".to_owned()))?;
    // SAFETY: GetApi answers null for a version that it does not know, else a table with that version's layout,
    // which holds only function pointers and may be copied.
    let api = unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) };
    if api.is_null() {
        return Err(fault(format!("too old: it lacks version {} of its interface", ort::sys::ORT_API_VERSION)));
    }
    Ok(unsafe { std::ptr::read(api) })
}

/// `metadata_props` of the protobuf message `ModelProto` (onnx.proto3). Read from the bytes because ort-tract has no
/// metadata; it also refuses what is no ONNX model or is cut short before the engine sees it.
fn read_metadata(bytes: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    const GRAPH: u64 = 7;
    const METADATA: u64 = 14;
    let (mut rest, mut has_graph, mut found) = (bytes, false, Vec::new());
    while !rest.is_empty() {
        match next_field(&mut rest)? {
            (GRAPH, Some(graph)) => has_graph |= !graph.is_empty(),
            (METADATA, Some(mut entry)) => {
                let (mut key, mut value) = (String::new(), String::new());
                while !entry.is_empty() {
                    match next_field(&mut entry)? {
                        (1, Some(s)) => key = String::from_utf8_lossy(s).into_owned(),
                        (2, Some(s)) => value = String::from_utf8_lossy(s).into_owned(),
                        _ => {}
                    }
                }
                found.push((key, value));
            }
            _ => {}
        }
    }
    if has_graph { Ok(found) } else { Err("it holds no graph") }
}

/// Takes one protobuf field off the front: its number, and its bytes if it is of the length-delimited kind.
fn next_field<'b>(rest: &mut &'b [u8]) -> Result<(u64, Option<&'b [u8]>), &'static str> {
    const SHORT: &str = "the file is cut short";
    let tag = varint(rest)?;
    let len = match tag & 7 {
        0 => varint(rest).map(|_| 0)?,
        1 => 8,
        2 => varint(rest)?,
        5 => 4,
        _ => return Err("it is another kind of file"),
    };
    let len = usize::try_from(len).map_err(|_| SHORT)?;
    let (field, after) = rest.split_at_checked(len).ok_or(SHORT)?;
    *rest = after;
    Ok((tag >> 3, (tag & 7 == 2).then_some(field)))
}

fn varint(rest: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or("the file is cut short")?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("it is another kind of file")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &[u8] = include_bytes!("../tests/data/tiny.onnx");

    type Input<'a> = (&'a str, &'a [usize], &'a [f32]);

    fn inputs() -> (Vec<f32>, Vec<f32>) {
        ((0..8).map(|i| (i as f32).cos()).collect(), vec![0.1, -0.2, 0.3])
    }

    /// The numbers are ONNX Runtime 1.31's (tests/data/make_models.py), so this test is the comparison of the two
    /// engines, whichever of them the build uses.
    #[test]
    fn answers_what_onnx_runtime_answers() {
        let mut model = Model::from_bytes(TINY, "tiny.onnx").unwrap();
        let (a, b) = inputs();
        let want_y = [0.14618035, 0.26990032, 0.5839194, 0.50727475, 0.20085707, 0.291_868_2];
        let want_m = [0.1731782, 0.41198224, 0.27201173, -0.11804512];
        for order in [[("a", &[1, 2, 4][..], &a[..]), ("b", &[1, 3], &b)], [("b", &[1, 3], &b), ("a", &[1, 2, 4], &a)]]
        {
            let out = model.run(&order).unwrap();
            assert_eq!((&out[0].0[..], &out[1].0[..]), (&[1, 2, 3][..], &[1, 4][..]));
            for (got, want) in out[0].1.iter().chain(&out[1].1).zip(want_y.iter().chain(&want_m)) {
                assert!((got - want).abs() < 1e-5, "{got} instead of {want}");
            }
        }
        // Another length of the free dimension.
        assert_eq!(model.run(&[("a", &[1, 1, 4], &a[..4]), ("b", &[1, 3], &b)]).unwrap()[0].0, [1, 1, 3]);
    }

    #[test]
    fn reads_custom_metadata() {
        let model = Model::from_bytes(TINY, "tiny.onnx").unwrap();
        assert_eq!(model.metadata("words").as_deref(), Some("one,two"));
        assert_eq!(model.metadata("note").as_deref(), Some("äöü"));
        assert_eq!(model.metadata("absent"), None);
    }

    #[test]
    fn wrong_inputs_are_faults() {
        let mut model = Model::from_bytes(TINY, "tiny.onnx").unwrap();
        let (a, b) = inputs();
        let a = ("a", &[1, 2, 4][..], &a[..]);
        let b = ("b", &[1, 3][..], &b[..]);
        let cases: [(&str, &[Input]); 6] = [
            ("`b` is not given", &[a]),
            ("no input `c`", &[a, b, ("c", &[1], &[0.0])]),
            ("given twice", &[a, b, b]),
            ("has the shape [1, 3]", &[a, ("b", &[1, 4], &[0.0; 4])]),
            ("do not fill", &[a, ("b", &[1, 3], &[0.0; 2])]),
            ("do not fill", &[("a", &[1, 0, 4], &[]), b]),
        ];
        for (want, inputs) in cases {
            let fault = model.run(inputs).unwrap_err().to_string();
            assert!(fault.contains(want) && fault.starts_with("tiny.onnx: "), "{fault}");
        }
    }

    #[test]
    fn what_is_no_model_is_a_fault() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "no graph"),
            (b"this is a text file, not a model\n", "not an ONNX model"),
            (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not an ONNX model"),
            (&[0x3a, 0x02, 0xff, 0xff], "cannot be loaded"),
            (&[0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f], "cut short"),
        ];
        for (bytes, want) in cases {
            let fault = Model::from_bytes(bytes, "x.onnx").err().expect("must be refused").to_string();
            assert!(fault.contains(want) && fault.starts_with("x.onnx: "), "{fault}");
        }
        let (mut rest, mut ends) = (TINY, vec![0]);
        while !rest.is_empty() {
            next_field(&mut rest).expect("whole");
            ends.push(TINY.len() - rest.len());
        }
        for len in 0..TINY.len() {
            // A cut between two fields leaves a shorter, but whole, message; only metadata come after the graph.
            match Model::from_bytes(&TINY[..len], "cut.onnx").map_err(|fault| fault.what) {
                Err(what) if ends.contains(&len) => {
                    assert!(what.contains("no graph") || what.contains("cannot be loaded"), "{len}: {what}");
                }
                Err(what) => assert_eq!(what, "not an ONNX model: the file is cut short", "{len}"),
                Ok(_) => assert!(ends.contains(&len), "cut to {len} bytes"),
            }
        }
    }

    #[test]
    fn a_damaged_model_never_panics() {
        let mut state: u32 = 7;
        for _ in 0..2000 {
            let mut bytes = TINY.to_vec();
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] ^= (state >> 3) as u8 | 1;
            let _ = Model::from_bytes(&bytes, "damaged.onnx");
        }
    }
}
