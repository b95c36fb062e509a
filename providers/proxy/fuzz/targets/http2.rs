#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| gatewright_proxy::fuzz::http2(data));
