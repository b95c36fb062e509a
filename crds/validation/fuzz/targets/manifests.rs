//! Any bytes are read without a panic, and what is accepted has the shape of the types.
#![no_main]

use gatewright_core::snapshot::{Kind, Object};
use gatewright_validation::{Bundle, Channel, Mode, Validator};
use std::sync::LazyLock;

static VALIDATORS: LazyLock<[Validator; 2]> = LazyLock::new(|| {
    [
        Validator::new(Bundle::V1_7_0, Channel::Experimental, Mode::Strict),
        Validator::new(Bundle::V1_6_3, Channel::Experimental, Mode::Lenient),
    ]
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for validator in VALIDATORS.iter() {
        for object in validator.load("fuzz.yaml", data).objects {
            if let Some(kind) = Kind::find(&object.gvk.group, &object.gvk.kind) {
                let shown = object.value.to_string();
                if let Err(error) = Object::read(kind, object.value) {
                    panic!("accepted, but not of its type: {error}\n{shown}");
                }
            }
        }
    }
});
