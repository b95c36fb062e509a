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
        match verdict(line) {
            Some((Verdict::Passed, _)) => self.passed += 1,
            Some((Verdict::Failed, _)) => self.failed += 1,
            Some((Verdict::Skipped, _)) => self.skipped += 1,
            None => {}
        }
    }
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// Which test of the suite ended, and how, if a line of its output says so. Parts of tests do not count.
pub(super) fn verdict(line: &str) -> Option<(Verdict, &str)> {
    let (verdict, rest) = line.strip_prefix("    --- ")?.split_once(": ")?;
    let verdict = match verdict {
        "PASS" => Verdict::Passed,
        "FAIL" => Verdict::Failed,
        "SKIP" => Verdict::Skipped,
        _ => return None,
    };
    let (of, name) = rest.split_once(' ')?.0.split_once('/')?;
    (of.starts_with("Test") && !name.contains('/')).then_some((verdict, name))
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Verdict, verdict};

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

    #[test]
    fn verdicts_have_names() {
        let line = "    --- SKIP: TestLayer4/TLSRouteSimpleSameNamespace (0.00s)";
        assert_eq!(
            verdict(line),
            Some((Verdict::Skipped, "TLSRouteSimpleSameNamespace"))
        );
        assert_eq!(verdict("    --- PASS: Other/Thing (0.00s)"), None);
    }
}
