//! What `AwsRouteParameters` ask of the requests of a rule, and what they answer.

use super::context::On;
use super::expression;
use super::report::{Consequence, Place, Report, Verdict};
use crate::Str;
use crate::alb::before::Before;
use crate::alb::rule::{FixedResponse, Transforms};
use crate::alb::settings::RouteSettings;
use gatewright_model::filter::HttpFilter;
use gatewright_model::key::RouteKey;
use gatewright_model::route::HttpRule;

/// What a rule names; none when it names nothing.
pub(super) fn of<'a>(route: &RouteKey, rule: &HttpRule, on: &On<'a>) -> Option<&'a RouteSettings> {
    let routes = &on.context.settings.routes;
    // Most Gateways have none, and a key is made of two names.
    if routes.is_empty() {
        return None;
    }
    routes.get(&(route.clone(), rule.index))
}

/// What a rule asks of a request before its action. What cannot be is reported at the field that names it.
pub(super) fn before(
    settings: &RouteSettings,
    object: &str,
    on: &On<'_>,
    report: &mut Report,
) -> (Verdict, Option<Before>) {
    let place = Place::new(object, &settings.field, Consequence::Answers500);
    let verdict = match &settings.before {
        None => return (Verdict::Served, None),
        Some(Err(why)) => report.refuse(&place, why, "correct the AwsRouteParameters, or what it names"),
        // "a rule for an HTTPS listener can also include one of the following user authentication actions"
        // (`API_CreateRule`).
        Some(Ok(before)) if !on.origin.https => {
            let why = format!("{} is for HTTPS listeners alone", before.kind());
            let instead = "attach the route to an HTTPS listener alone, by sectionName or port";
            report.refuse(&place, &why, instead)
        }
        Some(Ok(before)) => return (Verdict::Served, Some(before.clone())),
    };
    (verdict, None)
}

/// How the rule's requests are rewritten; none where its parameters do not say it.
pub(super) fn rewrites(
    settings: &RouteSettings,
    rule: &HttpRule,
    place: &Place,
    report: &mut Report,
) -> Option<(Verdict, Transforms)> {
    if settings.rewrites.is_empty() {
        return None;
    }
    let mut verdict = Verdict::Served;
    for (index, filter) in rule.filters.iter().enumerate() {
        if matches!(filter, HttpFilter::Redirect(_) | HttpFilter::UrlRewrite(_)) {
            let why =
                "the rule's AwsRouteParameters have rewriteUrl or rewriteHost, beside which it is never used";
            let place = place.at(&format!(".filters[{index}]"));
            verdict = verdict.and(report.refuse(&place, why, "leave one of both out"));
        }
    }
    let Transforms { host, url } = &settings.rewrites;
    for (name, rewrite) in [("rewriteHost", host), ("rewriteUrl", url)] {
        if let Some(rewrite) = rewrite
            && let Err(why) = expression::readable(&rewrite.regex)
        {
            let why = format!("{name} of the rule's AwsRouteParameters: {why}");
            verdict = verdict.and(report.refuse(place, &why, "use another expression"));
        }
    }
    Some((verdict, settings.rewrites.clone()))
}

/// The query of a rule's redirect. Without a redirect it would never be used.
pub(super) fn redirect_query<'a>(
    settings: &'a RouteSettings,
    rule: &HttpRule,
    place: &Place,
    report: &mut Report,
) -> Option<(Verdict, &'a Str)> {
    let query = settings.redirect_query.as_ref()?;
    let redirects = |filter: &HttpFilter| matches!(filter, HttpFilter::Redirect(_));
    let verdict = if rule.filters.iter().any(redirects) {
        Verdict::Served
    } else {
        let why = "the rule's AwsRouteParameters have a redirectQuery, and the rule has no RequestRedirect";
        report.refuse(place, why, "add the filter, or leave redirectQuery out")
    };
    Some((verdict, query))
}

/// What a rule answers by itself; none where it names no answer. What would never be used is not dropped silently.
pub(super) fn answer<'a>(
    settings: &'a RouteSettings,
    rule: &HttpRule,
    place: &Place,
    report: &mut Report,
) -> Option<(Verdict, &'a FixedResponse)> {
    let answer = settings.answer.as_ref()?;
    let filter = |wanted: fn(&HttpFilter) -> bool| rule.filters.iter().position(wanted);
    let unused = [
        (!rule.backends.is_empty()).then(|| ".backendRefs".to_owned()),
        filter(|filter| matches!(filter, HttpFilter::Redirect(_))).map(|at| format!(".filters[{at}]")),
        filter(|filter| matches!(filter, HttpFilter::UrlRewrite(_))).map(|at| format!(".filters[{at}]")),
        rule.session_persistence
            .is_some()
            .then(|| ".sessionPersistence".to_owned()),
    ];
    let mut verdict = Verdict::Served;
    for field in unused.into_iter().flatten() {
        let why = "the rule's AwsRouteParameters have a fixedResponse, beside which it is never used";
        let instead = "leave one of both out";
        verdict = verdict.and(report.refuse(&place.at(&field), why, instead));
    }
    Some((verdict, answer))
}
