use tiebreak::hear::{vad::*, wav::Recording};
fn main() {
    let mut out = Vec::new();
    let p = std::env::args().nth(1).unwrap();
    let r = Recording::open(p.as_ref()).unwrap();
    let mut rs = tiebreak::hear::resample::Resampler::new(r.sample_rate_hz).unwrap();
    rs.process(&r.samples, &mut out);
    rs.flush(&mut out);
    let mut v = Vad::new();
    let t = std::time::Instant::now();
    for (i, w) in out.as_chunks::<256>().0.iter().enumerate() {
        let p = v.probability(w);
        println!("{:5} {:.2} {:6.1} {}", i * 16, p, level_db(w), "#".repeat((p * 50.0) as usize));
    }
    eprintln!("{:?}", t.elapsed());
}
