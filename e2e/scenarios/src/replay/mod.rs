//! The offline validation against the real API server: the same manifests, the same verdicts.
//!
//! Each document goes to the server as it is written (`Content-Type: application/yaml`), as a creation with
//! `dryRun=All` and `fieldValidation=Strict`, and to a strict [`Validator`].

mod documents;
mod server;

pub use documents::{Document, read_folder};
pub use server::{Server, Verdict};

use anyhow::Result;
use futures_util::{StreamExt, stream};
use gatewright_validation::{Bundle, Channel, Code, Loaded, LoadedObject, Mode, Validator};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// So many documents are with the server at a time.
const AT_A_TIME: usize = 16;

/// What was compared, and what differed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Documents that both accept.
    pub accepted: usize,
    /// Documents that both refuse.
    pub refused: usize,
    /// Objects whose stored form was compared, field by field.
    pub stored: usize,
    /// Documents without a verdict of ours or of the server's: kinds that are not read, or not served there.
    pub not_judged: usize,
    /// Documents whose verdicts differ for a reason of [`Known`].
    pub known: BTreeMap<Known, usize>,
    /// Every other difference, in words.
    pub differences: Vec<String>,
}

/// Why a verdict may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// An EndpointSlice with an address that only the machine itself reaches: API servers refuse it, while files may
    /// name the backends of this machine.
    LocalAddress,
    /// A number beyond the `int32` of its field without another bound: API servers before Kubernetes 1.37 store what
    /// no Go or Rust program can read into that type; later ones refuse it, as validation does.
    Int32,
}

impl Known {
    fn find(verdict: &Verdict, loaded: &Loaded) -> Option<Self> {
        let mut errors = loaded
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .peekable();
        match verdict {
            Verdict::Refused(why) => {
                let slice = why.starts_with("EndpointSlice.discovery.k8s.io ");
                let local =
                    why.matches("Invalid value").count() == why.matches(" may not be in the l").count();
                (slice && local && errors.peek().is_none()).then_some(Self::LocalAddress)
            }
            Verdict::Accepted(_) => errors
                .all(|error| error.code == Code::InvalidFormat && error.accepted.as_deref() == Some("int32"))
                .then_some(Self::Int32),
            Verdict::NotServed(_) => None,
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LocalAddress => "addresses of the machine itself",
            Self::Int32 => "numbers beyond int32",
        })
    }
}

/// Sends every document to both and compares the verdicts.
///
/// # Errors
/// When the server cannot be reached or answers neither yes nor no.
pub async fn compare(
    server: &Server,
    (bundle, channel): (Bundle, Channel),
    documents: &[Document],
) -> Result<Outcome> {
    server.prepare(documents).await?;
    let creating = Validator::new(bundle, channel, Mode::Strict);
    let updating = Validator::new(bundle, channel, Mode::Strict).checking_status();
    // Stored objects are read in the newest shape: only there both are the same.
    let same_shape = (bundle, channel) == (Bundle::V1_7_0, Channel::Experimental);
    let mut outcome = Outcome::default();
    let mut verdicts = stream::iter(documents)
        .map(|document| async move { (document, server.judge(document).await) })
        .buffered(AT_A_TIME);
    while let Some((document, verdict)) = verdicts.next().await {
        let validator = if document.status { &updating } else { &creating };
        let loaded = validator.load(&document.file, document.text.as_bytes());
        let errors: Vec<String> = loaded
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .map(ToString::to_string)
            .collect();
        let nothing_read = errors.is_empty() && loaded.objects.is_empty();
        match verdict? {
            Verdict::NotServed(_) if errors.is_empty() => outcome.not_judged += 1,
            _ if nothing_read => outcome.not_judged += 1,
            Verdict::Accepted(stored) if errors.is_empty() => {
                outcome.accepted += 1;
                let objects = if same_shape {
                    loaded.objects.as_slice()
                } else {
                    &[]
                };
                for (ours, theirs) in objects.iter().zip(&stored) {
                    if let Some(same) = same_stored(ours, theirs) {
                        outcome.stored += 1;
                        outcome
                            .differences
                            .extend((!same).then(|| differing_stored(document, ours, theirs)));
                    }
                }
            }
            Verdict::Refused(_) | Verdict::NotServed(_) if !errors.is_empty() => outcome.refused += 1,
            verdict => match Known::find(&verdict, &loaded) {
                Some(known) => *outcome.known.entry(known).or_default() += 1,
                None => outcome.differences.push(differing(document, &verdict, &errors)),
            },
        }
    }
    Ok(outcome)
}

fn differing(document: &Document, verdict: &Verdict, errors: &[String]) -> String {
    let mut text = format!("{document}:\n");
    let _ = match verdict {
        Verdict::Accepted(_) => writeln!(text, "  the API server accepts it"),
        Verdict::Refused(why) | Verdict::NotServed(why) => {
            writeln!(text, "  the API server refuses it: {why}")
        }
    };
    if errors.is_empty() {
        text.push_str("  validation accepts it\n");
    } else {
        let _ = writeln!(text, "  validation refuses it: {}", errors.join("; "));
    }
    text
}

/// Whether an object of ours is what the server would store; `None` for kinds whose defaults are the server's own
/// business, and for objects that were converted.
fn same_stored(ours: &LoadedObject, theirs: &Value) -> Option<bool> {
    let comparable = ours.gvk.group.contains("gateway") && ours.written_version == ours.gvk.version;
    comparable.then(|| beyond_metadata(&ours.value) == beyond_metadata(theirs))
}

fn beyond_metadata(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.retain(|name, _| name != "metadata" && name != "status");
    }
    object
}

fn differing_stored(document: &Document, ours: &LoadedObject, theirs: &Value) -> String {
    format!(
        "{document}:\n  the API server stores {}\n  validation gives      {}\n",
        beyond_metadata(theirs),
        beyond_metadata(&ours.value)
    )
}
