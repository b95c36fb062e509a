//! Checks files: `check [--bundle v1.6.3] [--channel standard] [--lenient] FILE...`.

use gatewright_validation::{Bundle, Channel, Mode, Validator};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut bundle, mut channel, mut mode) = (Bundle::default(), Channel::default(), Mode::Strict);
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bundle" => bundle = arguments.next().unwrap_or_default().parse()?,
            "--channel" => channel = arguments.next().unwrap_or_default().parse()?,
            "--lenient" => mode = Mode::Lenient,
            _ => files.push(argument),
        }
    }
    let validator = Validator::new(bundle, channel, mode);
    let start = std::time::Instant::now();
    let (mut objects, mut skipped, mut errors, mut bytes) = (0, 0, 0, 0);
    for file in &files {
        let content = std::fs::read(file)?;
        bytes += content.len();
        let loaded = validator.load(file, &content);
        objects += loaded.objects.len();
        skipped += loaded.skipped.values().sum::<usize>();
        for diagnostic in &loaded.diagnostics {
            errors += usize::from(diagnostic.is_error());
            println!("{diagnostic}");
        }
    }
    println!(
        "{} files, {bytes} bytes, {objects} objects accepted, {skipped} skipped, {errors} errors in {:?}",
        files.len(),
        start.elapsed()
    );
    Ok(())
}
