//! The rules of AWS, one test for each group of them, through the model as calls come.

mod attributes;
mod authenticate;
mod balancers;
mod capacity;
mod groups;
mod ipv6;
mod listeners;
mod network;
mod quotas;
mod rules;
mod trust_stores;

use super::OPERATIONS;
use crate::error::ApiError;
use crate::protocol::check;
use crate::protocol::model::Model;
use crate::service::{Context, Health, Healths};
use crate::state::Account;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// An account whose calls pass through the model's checks both ways.
struct Bench {
    model: Model,
    account: Account,
    context: Context,
    healths: Arc<Told>,
}

/// Health that a test tells.
#[derive(Debug, Default)]
struct Told(Mutex<Option<Health>>);

impl Healths for Told {
    fn of(&self, _: &str, _: &str, _: u16) -> Option<Health> {
        self.0.lock().unwrap().clone()
    }
}

impl Bench {
    fn new() -> Self {
        let healths = Arc::new(Told::default());
        let mut context = Context::for_test("111122223333", "eu-central-1", 1_700_000_000_000);
        context.healths = healths.clone();
        let mut account = Account::default();
        account.ec2.ensure(&context.account, &context.region);
        Self {
            model: Model::read(include_str!("../../../models/elbv2.json")).unwrap(),
            account,
            context,
            healths,
        }
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let modelled = &self.model.operations[operation];
        let violations = check::violations(&self.model, modelled.input.as_ref(), &input);
        if !violations.is_empty() {
            return Err(ApiError::validation(check::sentence(&violations)));
        }
        crate::protocol::json::typed(&self.model, modelled.input.as_ref().unwrap(), &input)
            .expect("the input is of the model");
        let handler = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap().1;
        let output = handler(&mut self.account, &self.context, &input)?;
        check::answer(&self.model, modelled.output.as_ref(), &output).expect("the answer is of the model");
        Ok(output)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The code that a call is refused with.
    fn code(&mut self, operation: &str, input: Value) -> String {
        match self.call(operation, input) {
            Ok(output) => panic!("{operation} was not refused: {output}"),
            Err(error) => error.code,
        }
    }

    fn vpc(&self) -> String {
        self.account.ec2.groups().next().unwrap().vpc.clone()
    }

    /// Subnets in different zones.
    fn subnets(&self) -> Vec<String> {
        let mut zones = std::collections::BTreeSet::new();
        let all = self
            .account
            .ec2
            .subnets()
            .filter(|subnet| zones.insert(subnet.zone.clone()));
        all.map(|subnet| subnet.id.clone()).collect()
    }

    fn balancer(&mut self, name: &str) -> String {
        let input = json!({"Name": name, "Subnets": self.subnets()});
        text(&self.ok("CreateLoadBalancer", input)["LoadBalancers"][0]["LoadBalancerArn"])
    }

    fn listener(&mut self, balancer: &str, port: u16) -> String {
        let input = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": [fixed("404")]});
        text(&self.ok("CreateListener", input)["Listeners"][0]["ListenerArn"])
    }

    fn group(&mut self, name: &str) -> String {
        self.group_with(name, json!({}))
    }

    fn group_with(&mut self, name: &str, more: Value) -> String {
        let mut input =
            json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": self.vpc(), "TargetType": "ip"});
        merge(&mut input, more);
        text(&self.ok("CreateTargetGroup", input)["TargetGroups"][0]["TargetGroupArn"])
    }

    fn rule(&mut self, listener: &str, priority: u32) -> String {
        let input = rule(listener, priority);
        text(&self.ok("CreateRule", input)["Rules"][0]["RuleArn"])
    }
}

fn merge(into: &mut Value, more: Value) {
    let members = into.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

fn fixed(status: &str) -> Value {
    json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}})
}

fn forward(group: &str) -> Value {
    json!({"Type": "forward", "TargetGroupArn": group})
}

fn path(value: &str) -> Value {
    json!({"Field": "path-pattern", "PathPatternConfig": {"Values": [value]}})
}

fn rule(listener: &str, priority: u32) -> Value {
    json!({"ListenerArn": listener, "Priority": priority, "Conditions": [path("/a")], "Actions": [fixed("200")]})
}
