//! What could not be expressed, or only roughly, and what follows from it.

use crate::Str;
use crate::alb::settings::Approximations;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::support::{Support, USE_SOFTWARE};
use gatewright_provider_api::{Feature, Provider};
use std::collections::BTreeSet;

/// Whether something is in the target.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As asked for, or roughly.
    Served,
    /// Not at all.
    Refused,
}

impl Verdict {
    /// Whether both are served.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Served, Self::Served) => Self::Served,
            _ => Self::Refused,
        }
    }

    pub(crate) fn is_refused(self) -> bool {
        self == Self::Refused
    }
}

/// What becomes of requests when something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// Its conditions cannot be expressed: a rule that takes its requests would take others' as well.
    MatchLeftOut,
    /// Its conditions can: no request of it falls to a less specific rule.
    Answers500,
    /// Nothing listens for it.
    ListenerLeftOut,
    /// A route of streams that nobody gets to.
    RouteLeftOut,
    /// Traffic flows without it.
    Ignored,
}

impl Consequence {
    const fn words(self) -> &'static str {
        match self {
            Self::MatchLeftOut => "; the match is left out, and what matches next serves its requests",
            Self::Answers500 => "; its requests are answered with 500",
            Self::ListenerLeftOut => "; the listener is not served",
            Self::RouteLeftOut => "; the route is not served there",
            Self::Ignored => "",
        }
    }
}

/// A field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    object: Str,
    field: String,
    consequence: Consequence,
}

impl Place {
    pub(crate) fn new(object: &str, field: &str, consequence: Consequence) -> Self {
        Self {
            object: object.into(),
            field: field.to_owned(),
            consequence,
        }
    }

    /// A field below this one; `rest` begins with its separator.
    pub(crate) fn at(&self, rest: &str) -> Self {
        Self {
            field: format!("{}{rest}", self.field),
            ..self.clone()
        }
    }
}

/// Collects what one lowering could not express. Everything is told once, however often it is met.
pub(crate) struct Report {
    provider: Provider,
    approximations: Approximations,
    found: BTreeSet<Unsupported>,
}

impl Report {
    pub(crate) const fn new(approximations: Approximations) -> Self {
        Self::of(Provider::AwsAlb, approximations)
    }

    /// By the table of a provider.
    pub(crate) const fn of(provider: Provider, approximations: Approximations) -> Self {
        Self {
            provider,
            approximations,
            found: BTreeSet::new(),
        }
    }

    pub(crate) fn into_items(self) -> Vec<Unsupported> {
        self.found.into_iter().collect()
    }

    /// A report of its own for something that may come to nothing.
    pub(crate) const fn apart(&self) -> Self {
        Self::of(self.provider, self.approximations)
    }

    /// Takes over what was reported apart. What is refused is not served roughly.
    pub(crate) fn absorb(&mut self, apart: Self, verdict: Verdict) {
        let items = apart.found.into_iter();
        self.found
            .extend(items.filter(|item| verdict == Verdict::Served || !item.approximated));
    }

    /// A use of a feature, by the table of what the load balancer serves.
    pub(crate) fn uses(&mut self, feature: Feature, place: &Place) -> Verdict {
        match self.provider.support(feature) {
            Support::Full => Verdict::Served,
            Support::Approximate { difference } => self.approximate(place, difference),
            Support::None { why, instead } => self.refuse(place, why, instead),
        }
    }

    /// A use of a feature that is served roughly in other cases, and not in this one.
    pub(crate) fn refuse_feature(&mut self, feature: Feature, place: &Place) -> Verdict {
        match self.provider.support(feature) {
            Support::Full => self.refuse(place, "cannot be expressed here", USE_SOFTWARE),
            Support::Approximate { difference } => self.refuse(place, difference, USE_SOFTWARE),
            Support::None { why, instead } => self.refuse(place, why, instead),
        }
    }

    /// Whether users refuse differences.
    pub(crate) fn is_strict(&self) -> bool {
        self.approximations == Approximations::Refuse
    }

    /// Something that is served with a difference, unless users refuse that.
    pub(crate) fn approximate(&mut self, place: &Place, difference: &str) -> Verdict {
        match self.approximations {
            Approximations::Serve => {
                self.insert(place, difference.to_owned(), "", true);
                Verdict::Served
            }
            Approximations::Refuse => self.refuse(
                place,
                difference,
                "accept the difference by leaving `strict` off in the load balancer's parameters",
            ),
        }
    }

    /// Something that is served with a difference whatever users say, as refusing it would do harm.
    pub(crate) fn note(&mut self, place: &Place, difference: &str) {
        self.insert(place, difference.to_owned(), "", true);
    }

    /// Something that is not served.
    pub(crate) fn refuse(&mut self, place: &Place, why: &str, instead: &str) -> Verdict {
        let why = format!("{why}{}", place.consequence.words());
        self.insert(place, why, instead, false);
        Verdict::Refused
    }

    fn insert(&mut self, place: &Place, why: String, alternative: &str, approximated: bool) {
        self.found.insert(Unsupported {
            object: place.object.clone(),
            field: place.field.as_str().into(),
            why: why.into(),
            alternative: alternative.into(),
            approximated,
        });
    }
}
