//! What the suite says of its tests.

/// How a whole run of the official suite went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that the suite left out, such as those of features that are not claimed.
    pub skipped: usize,
}

impl Outcome {
    /// Counts a line of the suite's output that says how a test ended; a test's own parts do not count.
    pub(super) fn count(&mut self, line: &str) {
        let of = |verdict: &str| {
            let rest = line.strip_prefix("    --- ")?.strip_prefix(verdict)?;
            let name = rest.strip_prefix(": TestConformance/")?;
            (!name.contains('/')).then_some(())
        };
        if of("PASS").is_some() {
            self.passed += 1;
        } else if of("FAIL").is_some() {
            self.failed += 1;
        } else if of("SKIP").is_some() {
            self.skipped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn tests_count_once_and_their_parts_do_not() {
        let mut outcome = Outcome::default();
        for line in [
            "--- FAIL: TestConformance (600.00s)",
            "    --- PASS: TestConformance/GatewayModifyListeners (2.00s)",
            "        --- PASS: TestConformance/GatewayModifyListeners/one_part (1.00s)",
            "    --- FAIL: TestConformance/HTTPRouteRetry (60.00s)",
            "    --- SKIP: TestConformance/MeshBasic (0.00s)",
            "    suite.go:400: --- PASS: no verdict",
        ] {
            outcome.count(line);
        }
        let wanted = Outcome {
            passed: 1,
            failed: 1,
            skipped: 1,
        };
        assert_eq!(outcome, wanted);
    }
}
