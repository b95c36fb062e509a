//! Whether an object is as it is wanted: everything that is wanted is there, whatever the API server and
//! others added.

use serde_json::Value;

/// Fields of `wanted` that `found` has otherwise, as paths; empty when there is nothing to write.
pub fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect(wanted, found, &mut String::new(), &mut paths);
    paths
}

fn collect(wanted: &Value, found: &Value, path: &mut String, paths: &mut Vec<String>) {
    let length = path.len();
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                path.push('.');
                path.push_str(key);
                collect(value, found.get(key).unwrap_or(&Value::Null), path, paths);
                path.truncate(length);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                path.push_str(&format!("[{at}]"));
                collect(wanted, found, path, paths);
                path.truncate(length);
            }
        }
        // An empty map or list is not stored.
        (Value::Object(wanted), Value::Null) if wanted.is_empty() => {}
        (Value::Array(wanted), Value::Null) if wanted.is_empty() => {}
        // So are false and empty text, in most places.
        (Value::Bool(false), Value::Null) => {}
        _ if wanted == found => {}
        _ => paths.push(path.trim_start_matches('.').to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn what_the_api_server_added_is_no_difference() {
        let wanted = json!({"spec": {"ports": [{"port": 80}], "type": "LoadBalancer"}, "metadata": {"labels": {"a": "b"}}});
        let found = json!({
            "spec": {"ports": [{"port": 80, "nodePort": 30_000}], "type": "LoadBalancer", "clusterIP": "10.0.0.1"},
            "metadata": {"labels": {"a": "b", "theirs": "x"}, "uid": "u"},
        });
        assert_eq!(differences(&wanted, &found), Vec::<String>::new());
    }

    #[test]
    fn a_changed_a_missing_and_an_extra_item_are_differences_with_a_path() {
        let wanted =
            json!({"spec": {"ports": [{"port": 80}, {"port": 81}], "type": "LoadBalancer", "replicas": 2}});
        let found = json!({"spec": {"ports": [{"port": 80}, {"port": 82}], "type": "ClusterIP"}});
        assert_eq!(
            differences(&wanted, &found),
            ["spec.ports[1].port", "spec.type", "spec.replicas"]
        );
        assert_eq!(differences(&json!({"a": [1]}), &json!({"a": [1, 2]})), ["a"]);
    }
}
