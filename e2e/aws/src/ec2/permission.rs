//! Rules of security groups in AWS's canonical form:
//! [IpPermission](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html), with the parts of it:
//! [IpRange](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html),
//! [Ipv6Range](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Ipv6Range.html),
//! [UserIdGroupPair](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UserIdGroupPair.html),
//! [PrefixListId](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_PrefixListId.html). The pages of the
//! operations list no codes; those here are of the [list for all of
//! EC2](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html). Which of them a broken rule
//! answers, and in which words, is said there only in general: assumed.

use super::Tags;
use super::group::allowed;
use crate::error::ApiError;
use crate::input::{list, number, text};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One rule: one peer, one protocol, one range of ports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its identifier.
    pub id: String,
    /// What it lets pass.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: Peer,
    /// What its maker says of it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A protocol and ports, or types and codes of ICMP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Traffic {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another number, or `-1` for all.
    pub protocol: String,
    /// First and last port, where the protocol has ports.
    pub ports: Option<(i64, i64)>,
}

/// From or to whom a rule lets pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Peer {
    /// A range of IPv4.
    V4(String),
    /// A range of IPv6.
    V6(String),
    /// Whoever has a security group.
    Group {
        /// The group's identifier.
        id: String,
    },
    /// The ranges of a prefix list.
    Prefixes(String),
}

impl Peer {
    /// How messages call it.
    fn name(&self) -> &str {
        match self {
            Self::V4(name) | Self::V6(name) | Self::Prefixes(name) | Self::Group { id: name } => name,
        }
    }
}

impl Rule {
    /// The rule that lets everything pass.
    pub(super) fn all(id: String, peer: Peer) -> Self {
        Self {
            id,
            traffic: Traffic {
                protocol: "-1".to_owned(),
                ports: None,
            },
            peer,
            description: None,
            tags: Tags::new(),
        }
    }

    /// True for a rule that lets the same pass.
    pub(super) fn same(&self, traffic: &Traffic, peer: &Peer) -> bool {
        self.traffic == *traffic && self.peer == *peer
    }
}

/// A rule that a call asks for, before it has an identifier.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What to let pass.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: Peer,
    /// What its maker says of it.
    pub description: Option<String>,
}

impl Wanted {
    /// How messages tell it.
    pub fn describe(&self) -> String {
        let protocol = match self.traffic.protocol.as_str() {
            "-1" => "ALL".to_owned(),
            other => other.to_uppercase(),
        };
        let ports = self.traffic.ports.map_or_else(String::new, |(from, to)| {
            format!(", from port: {from}, to port: {to}")
        });
        format!("peer: {}, {protocol}{ports}, ALLOW", self.peer.name())
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

/// Reads the rules of a call: `IpPermissions`, or the members that stand for a single one
/// ([AuthorizeSecurityGroupIngress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html)).
pub fn wanted(input: &Value) -> Result<Vec<Wanted>, ApiError> {
    let mut rules = Vec::new();
    let permissions = list(input, "IpPermissions");
    let single = ["IpProtocol", "CidrIp", "SourceSecurityGroupName"]
        .iter()
        .any(|member| input.get(member).is_some());
    if !permissions.is_empty() && single {
        return Err(ApiError::new(
            "InvalidParameterCombination",
            "The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'",
        ));
    }
    if single {
        let traffic = traffic(input)?;
        // Of `SourceSecurityGroupName`: "To create a rule with a specific protocol and port range, specify a set of IP
        // permissions instead."
        match text(input, "CidrIp") {
            Some(range) => rules.push(Wanted {
                traffic,
                peer: v4(range)?,
                description: None,
            }),
            None => {
                return Err(ApiError::new(
                    "InvalidParameterValue",
                    "Use a set of IP permissions to name a source security group in a VPC.",
                ));
            }
        }
    }
    for permission in permissions {
        let traffic = traffic(permission)?;
        let before = rules.len();
        let mut add = |peer: Peer, source: &Value| -> Result<(), ApiError> {
            let description = text(source, "Description").filter(|text| !text.is_empty());
            // "Up to 255 characters in length. Allowed characters are a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*"
            if let Some(description) = description.filter(|text| !allowed(text)) {
                return Err(invalid(format!(
                    "Invalid rule description. Valid descriptions are strings less than 256 characters from the \
                     following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$* ({description})"
                )));
            }
            rules.push(Wanted {
                traffic: traffic.clone(),
                peer,
                description: description.map(str::to_owned),
            });
            Ok(())
        };
        for range in list(permission, "IpRanges") {
            add(v4(text(range, "CidrIp").unwrap_or_default())?, range)?;
        }
        for range in list(permission, "Ipv6Ranges") {
            add(v6(text(range, "CidrIpv6").unwrap_or_default())?, range)?;
        }
        for pair in list(permission, "UserIdGroupPairs") {
            // "For a security group in a nondefault VPC, use the security group ID."
            let id = text(pair, "GroupId").ok_or_else(|| {
                ApiError::new(
                    "InvalidGroup.NotFound",
                    "A security group in a VPC that is not the default one is named by its identifier.",
                )
            })?;
            add(Peer::Group { id: id.to_owned() }, pair)?;
        }
        for prefixes in list(permission, "PrefixListIds") {
            let id = text(prefixes, "PrefixListId").unwrap_or_default();
            add(Peer::Prefixes(id.to_owned()), prefixes)?;
        }
        if rules.len() == before {
            return Err(ApiError::new(
                "MissingParameter",
                "Missing source specification: include source security group or CIDR information",
            ));
        }
    }
    for (index, rule) in rules.iter().enumerate() {
        let again = rules
            .iter()
            .skip(index + 1)
            .any(|other| other.traffic == rule.traffic && other.peer == rule.peer);
        if again {
            return Err(invalid("The same permission must not appear multiple times"));
        }
    }
    Ok(rules)
}

/// The canonical range: bits behind the prefix are cleared. "if you specify 100.68.0.18/18 for the CIDR block, Amazon
/// Web Services canonicalizes the CIDR block to 100.68.0.0/18" (`API_IpRange`).
fn v4(range: &str) -> Result<Peer, ApiError> {
    range
        .parse::<Ipv4Net>()
        .map(|net| Peer::V4(net.trunc().to_string()))
        .map_err(|_| invalid(format!("CIDR block {range} is malformed")))
}

fn v6(range: &str) -> Result<Peer, ApiError> {
    range
        .parse::<Ipv6Net>()
        .map(|net| Peer::V6(net.trunc().to_string()))
        .map_err(|_| invalid(format!("CIDR block {range} is malformed")))
}

/// `API_IpPermission`: "Use -1 to specify all protocols." "For tcp, udp, and icmp, you must specify a port range. For
/// icmpv6, the port range is optional". "If the start port is -1 (all ICMP types), then the end port must be -1 (all
/// ICMP codes)."
fn traffic(permission: &Value) -> Result<Traffic, ApiError> {
    let given = text(permission, "IpProtocol").unwrap_or_default();
    let protocol = match given.to_ascii_lowercase().as_str() {
        "" => {
            return Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter ipProtocol",
            ));
        }
        "tcp" | "6" => "tcp".to_owned(),
        "udp" | "17" => "udp".to_owned(),
        "icmp" | "1" => "icmp".to_owned(),
        "icmpv6" | "58" => "icmpv6".to_owned(),
        "-1" | "all" => "-1".to_owned(),
        other => match other.parse::<u8>() {
            Ok(number) => number.to_string(),
            Err(_) => {
                return Err(invalid(format!(
                    "Invalid value '{given}' for IP protocol. Unknown protocol."
                )));
            }
        },
    };
    let from = number(permission, "FromPort");
    let to = number(permission, "ToPort");
    let ports = match protocol.as_str() {
        "tcp" | "udp" => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(invalid(
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
                ));
            };
            if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) || from > to {
                return Err(invalid(format!(
                    "Invalid {} port range ({from},{to})",
                    protocol.to_uppercase()
                )));
            }
            Some((from, to))
        }
        "icmp" | "icmpv6" => {
            let (from, to) = match (from, to, protocol.as_str()) {
                (Some(from), Some(to), _) => (from, to),
                (None, None, "icmpv6") => (-1, -1),
                _ => {
                    return Err(invalid(
                        "Invalid value 'Must specify both type and code with ICMP.' for portRange.",
                    ));
                }
            };
            if !(-1..=255).contains(&from) || !(-1..=255).contains(&to) || (from == -1 && to != -1) {
                return Err(invalid(format!("Invalid ICMP type and code ({from},{to})")));
            }
            Some((from, to))
        }
        _ => None,
    };
    Ok(Traffic { protocol, ports })
}

/// Rules in the form of permissions: those of the same traffic together.
pub fn render_permissions(rules: &[Rule], owner: &str) -> Vec<Value> {
    let mut kinds: Vec<&Traffic> = rules.iter().map(|rule| &rule.traffic).collect();
    kinds.sort();
    kinds.dedup();
    kinds
        .into_iter()
        .map(|traffic| {
            let (mut v4, mut v6, mut groups, mut prefixes) = (vec![], vec![], vec![], vec![]);
            for rule in rules.iter().filter(|rule| rule.traffic == *traffic) {
                let description = &rule.description;
                match &rule.peer {
                    Peer::V4(range) => v4.push(json!({"CidrIp": range, "Description": description})),
                    Peer::V6(range) => v6.push(json!({"CidrIpv6": range, "Description": description})),
                    Peer::Group { id } => groups.push(json!({
                        "GroupId": id, "UserId": owner, "Description": description,
                    })),
                    Peer::Prefixes(id) => {
                        prefixes.push(json!({"PrefixListId": id, "Description": description}));
                    }
                }
            }
            json!({
                "IpProtocol": traffic.protocol,
                "FromPort": traffic.ports.map(|ports| ports.0),
                "ToPort": traffic.ports.map(|ports| ports.1),
                "IpRanges": v4,
                "Ipv6Ranges": v6,
                "UserIdGroupPairs": groups,
                "PrefixListIds": prefixes,
            })
        })
        .collect()
}
