//! The random source that decisions take as an argument, so that tests can script it.

/// Uniform random numbers for load spreading; not for secrets.
pub trait Rng {
    /// A number in `0..bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64;

    /// A number in `0.0..1.0`.
    fn unit(&mut self) -> f64;
}

impl Rng for fastrand::Rng {
    fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.u64(0..bound) }
    }

    fn unit(&mut self) -> f64 {
        self.f64()
    }
}
