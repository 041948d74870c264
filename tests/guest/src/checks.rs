//! Checks of the virtual machine: a line each, and a count at the end.

use std::error::Error;

/// What a check says if it holds, or why it does not.
pub type Outcome = Result<String, Box<dyn Error>>;

/// Counts checks.
#[derive(Default)]
pub struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    /// Runs one check and prints its line.
    pub fn check(&mut self, name: &str, run: impl FnOnce() -> Outcome) {
        match run() {
            Ok(detail) => {
                self.passed += 1;
                println!("ok {name}: {detail}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED {name}: {error}");
            }
        }
    }

    /// Prints the count; true if checks ran and none failed.
    pub fn finish(self) -> bool {
        println!("checks: {} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}

/// Holds if the two are equal.
pub fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Outcome {
    if found == expected { Ok(format!("{found:x?}")) } else { Err(format!("{found:x?} is not {expected:x?}").into()) }
}

/// Holds if it failed, and the error says this.
pub fn refused<T, E: Error>(result: Result<T, E>, says: &str) -> Outcome {
    match result {
        Ok(_) => Err("it was not refused".into()),
        Err(error) if error.to_string().contains(says) => Ok(error.to_string()),
        Err(error) => Err(format!("{error:?} does not say {says:?}").into()),
    }
}
