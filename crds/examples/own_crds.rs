//! Prints our own CRDs, one JSON document a line: `cargo run -p gatewright-crds --example own_crds`.

fn main() {
    for crd in gatewright_crds::own::crds() {
        println!("{}", crd.json);
    }
}
