//! How often AWS is called, where an account's request limits were raised or are others' as well.

use gatewright_aws_sdk::limiter::{Bucket, Figures};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Calls a second. What is slower keeps a call for longer than it may wait.
const PER_SECOND: RangeInclusive<f64> = 0.1..=10_000.0;

/// Calls at once.
const BURST: RangeInclusive<u32> = 1..=100_000;

/// `BUCKET=PER_SECOND:BURST`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallRate {
    bucket: Bucket,
    figures: Figures,
}

/// Reads one rate; the error says what is accepted (the command line adds its own name and what was found).
pub fn call_rate(text: &str) -> Result<CallRate, String> {
    let form = || "accepted is BUCKET=PER_SECOND:BURST, for example elb_modify=10:60".to_owned();
    let (name, figures) = text.split_once('=').ok_or_else(form)?;
    let bucket = Bucket::named(name.trim()).ok_or_else(|| {
        let names = Bucket::ALL.map(Bucket::label).join(", ");
        format!("there is no bucket {name:?}; accepted are {names}")
    })?;
    let (per_second, burst) = figures.split_once(':').ok_or_else(form)?;
    let rate = per_second.trim().parse().ok();
    let rate = rate.filter(|rate| PER_SECOND.contains(rate)).ok_or_else(|| {
        format!(
            "{per_second:?} calls a second; accepted are {} to {}",
            PER_SECOND.start(),
            PER_SECOND.end()
        )
    })?;
    let size = burst.trim().parse().ok();
    let size = size.filter(|size| BURST.contains(size)).ok_or_else(|| {
        format!(
            "{burst:?} calls at once; accepted are whole numbers from {} to {}",
            BURST.start(),
            BURST.end()
        )
    })?;
    Ok(CallRate {
        bucket,
        figures: Figures {
            burst: size,
            per_second: rate,
        },
    })
}

/// Of several rates of a bucket the last one counts.
pub fn by_bucket(rates: &[CallRate]) -> BTreeMap<Bucket, Figures> {
    rates.iter().map(|rate| (rate.bucket, rate.figures)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::clouds::aws::{AwsOptions, Observer};
    use clap::Parser;
    use gatewright_aws_sdk::Attempt;
    use gatewright_aws_sdk::limiter::Basis;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn read(path: &str) -> String {
        std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn options(line: &str) -> Result<AwsOptions, clap::Error> {
        Ok(match Cli::try_parse_from(line.split(' '))?.command {
            Command::Controller(args) => args.clouds.aws,
            Command::Plan(args) => args.clouds.aws,
            _ => panic!("{line}"),
        })
    }

    struct Nobody;

    impl Observer for Nobody {
        fn attempt(&self, _: &Attempt) {}
    }

    #[test]
    fn accounts_are_called_as_often_as_the_command_line_says() {
        for command in ["controller", "plan x"] {
            let line = format!(
                "gatewright {command} --aws-call-rate elb_modify=10:60,ec2_read=0.5:1 --aws-call-rate elb_targets=8:9 \
                 --aws-call-rate elb_modify=12:70"
            );
            let connector = options(&line).unwrap().connector(Arc::new(Nobody));
            for (bucket, per_second, burst) in [
                (Bucket::ElbModify, 12.0, 70),
                (Bucket::ElbTargets, 8.0, 9),
                (Bucket::Ec2Read, 0.5, 1),
            ] {
                assert_eq!(connector.figures(bucket), Figures { burst, per_second });
            }
            assert_eq!(
                connector.figures(Bucket::ElbDescribe),
                Bucket::ElbDescribe.figures()
            );
        }
    }

    #[test]
    fn what_is_no_rate_is_refused_with_the_flag_what_was_found_and_what_is_accepted() {
        for (found, accepted) in [
            ("elb_modify", "BUCKET=PER_SECOND:BURST"),
            ("elb_modify=10", "BUCKET=PER_SECOND:BURST"),
            (
                "elb=10:60",
                "there is no bucket \"elb\"; accepted are elb_describe, ",
            ),
            (
                "elb_modify=0:60",
                "\"0\" calls a second; accepted are 0.1 to 10000",
            ),
            ("elb_modify=NaN:60", "\"NaN\" calls a second"),
            ("elb_modify=inf:60", "\"inf\" calls a second"),
            ("elb_modify=-1:60", "\"-1\" calls a second"),
            ("elb_modify=10001:60", "\"10001\" calls a second"),
            ("elb_modify=:60", "\"\" calls a second"),
            (
                "elb_modify=1:0",
                "\"0\" calls at once; accepted are whole numbers from 1 to 100000",
            ),
            ("elb_modify=1:1.5", "\"1.5\" calls at once"),
            ("elb_modify=1:100001", "\"100001\" calls at once"),
        ] {
            let line = format!("gatewright controller --aws-call-rate ec2_read=1:1,{found}");
            let error = options(&line).unwrap_err().to_string();
            for part in ["--aws-call-rate", found, accepted] {
                assert!(error.contains(part), "{found}: {error}");
            }
        }
    }

    #[test]
    fn the_page_lists_all_buckets_with_their_figures() {
        let page = read("docs/aws/quotas.md");
        let (_, table) = page.split_once("| bucket | calls |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
        let rows: Vec<Vec<&str>> = rows
            .map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
            .collect();
        assert_eq!(rows.len(), Bucket::ALL.len());
        for (bucket, row) in Bucket::ALL.into_iter().zip(&rows) {
            let Figures { burst, per_second } = bucket.figures();
            let basis = match bucket.basis() {
                Basis::Documented(_) => "documented",
                Basis::Assumed(_) => "assumed",
            };
            let figures = [bucket.label(), &per_second.to_string(), &burst.to_string(), basis];
            assert_eq!([row[1], row[3], row[4], row[5]], figures);
        }
    }

    /// What the chart accepts is accepted here, and the other way round.
    #[test]
    fn the_chart_knows_the_same_buckets_and_bounds() {
        let schema: serde_json::Value =
            serde_json::from_str(&read("deploy/charts/gatewright/values.schema.json")).unwrap();
        let rates = schema["properties"]["aws"]["properties"]["callRates"]["properties"].as_object();
        let names: BTreeSet<&str> = rates.unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, Bucket::ALL.map(Bucket::label).into());
        assert!(
            rates
                .unwrap()
                .values()
                .all(|rate| rate["$ref"] == "#/$defs/callRate")
        );
        let figures = &schema["$defs"]["callRate"]["properties"];
        for (field, end, bound) in [
            ("perSecond", "minimum", *PER_SECOND.start()),
            ("perSecond", "maximum", *PER_SECOND.end()),
            ("burst", "minimum", f64::from(*BURST.start())),
            ("burst", "maximum", f64::from(*BURST.end())),
        ] {
            assert_eq!(figures[field][end].as_f64(), Some(bound), "{field} {end}");
        }
    }
}
