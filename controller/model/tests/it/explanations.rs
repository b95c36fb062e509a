//! Explanations agree with the router and name every better placed match.

use crate::config;
use crate::generate::{LISTENERS, header_map, http_routes, listener_key, model_route, request};
use crate::oracle;
use crate::routing::{answer, index};
use gatewright_model::explain::explain;
use gatewright_model::key::RouteKind;
use gatewright_model::precedence::ranked;
use gatewright_model::router::RequestView;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn every_better_placed_match_has_a_reason(
        listener in select(LISTENERS.to_vec()),
        routes in http_routes(),
        request in request(),
        limit in 0..40usize,
    ) {
        prop_assume!(oracle::host_matches(listener, &request.host));
        let router = index(listener, RouteKind::Http, &routes);
        let headers = header_map(&request);
        let view = RequestView {
            method: &request.method,
            path: &request.path,
            query: request.query.as_deref(),
            headers: &headers,
        };
        let told = explain(&router, &request.host, &view, limit);
        let models: Vec<_> = routes.iter().filter_map(|route| model_route(listener, RouteKind::Http, route)).collect();
        let order = ranked(&listener_key(), &models);
        prop_assert!(order.is_sorted_by(|a, b| a.rank < b.rank), "strictly increasing");

        let winner = answer(&router, &request);
        prop_assert_eq!(told.winner.is_some(), winner.is_some());
        // Routes for other hosts are no candidates; they are named only when there is no winner.
        let (order, others): (Vec<_>, Vec<_>) =
            order.into_iter().partition(|other| other.rank.host.effective.matches(&request.host));
        let others: BTreeSet<_> = others.iter().map(|other| other.rank.host.effective.clone()).collect();
        let named = if told.winner.is_none() { others.len().min(limit) } else { 0 };
        prop_assert_eq!(told.other_hosts.len(), named);
        prop_assert!(told.other_hosts.iter().all(|host| others.contains(host)));
        let place = match &told.winner {
            Some(told) => {
                let (_, rule, index) = winner.unwrap();
                prop_assert_eq!((told.rule as usize, told.match_index as usize), (rule, index));
                order.iter().position(|other| {
                    other.rank.route == told.route
                        && (other.rank.rule, other.rank.match_index) == (told.rule, told.match_index)
                        && other.rank.host == told.host
                }).unwrap()
            }
            None => order.len(),
        };
        // All before the winner are told of, in order, each with a reason.
        prop_assert_eq!(told.rejected.len(), place.min(limit));
        prop_assert_eq!(told.omitted, place.saturating_sub(limit));
        for (rejection, other) in told.rejected.iter().zip(&order) {
            prop_assert_eq!(&rejection.candidate.route, &other.rank.route);
            prop_assert_eq!(&rejection.candidate.host, &other.rank.host);
            prop_assert!(!rejection.reason.to_string().is_empty());
        }
    }
}
