//! The Huffman code of RFC 7541 appendix B. It is canonical: the lengths say everything.

use super::Malformed;

/// Length of each symbol's code in bits; the last symbol is EOS.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];
/// Longest code.
const LONGEST: usize = 30;
/// The symbol that must not appear in a string (RFC 7541 section 5.2).
const EOS: u16 = 256;

/// What decoding needs, computed when the program is built.
struct Code {
    /// Symbols by length, then value.
    symbols: [u16; 257],
    /// For each length: the end of its codes, shifted to the left of 30 bits.
    end: [u32; LONGEST + 1],
    /// For each length: what turns a code of that length into a place in `symbols`.
    base: [u32; LONGEST + 1],
    /// For the first 8 bits of a code: its symbol and length, or length 0 when the code is longer.
    short: [(u8, u8); 256],
}

static CODE: Code = build();

#[allow(clippy::indexing_slicing)] // Constant evaluation: out of bounds would not compile.
const fn build() -> Code {
    let mut code = Code {
        symbols: [0; 257],
        end: [0; LONGEST + 1],
        base: [0; LONGEST + 1],
        short: [(0, 0); 256],
    };
    let mut next = 0u32;
    let mut place = 0usize;
    let mut length = 1;
    while length <= LONGEST {
        next <<= 1;
        // Wraps on purpose: only the sum with a code of this length is looked at.
        code.base[length] = (place as u32).wrapping_sub(next);
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                code.symbols[place] = symbol as u16;
                if length <= 8 {
                    let from = (next << (8 - length)) as usize;
                    let mut at = from;
                    while at < from + (1 << (8 - length)) {
                        code.short[at] = (symbol as u8, length as u8);
                        at += 1;
                    }
                }
                place += 1;
                next += 1;
            }
            symbol += 1;
        }
        code.end[length] = next << (LONGEST - length);
        length += 1;
    }
    code
}

/// Appends the decoded string to `out`.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut bits = 0u64;
    let mut count = 0usize;
    for byte in input {
        bits = bits << 8 | u64::from(*byte);
        count += 8;
        while count >= 5 {
            let front = if count >= LONGEST {
                bits >> (count - LONGEST)
            } else {
                bits << (LONGEST - count)
            };
            let window = front as u32 & ((1 << LONGEST) - 1);
            let (symbol, length) = match CODE.short.get((window >> (LONGEST - 8)) as usize) {
                Some((symbol, length)) if *length > 0 => (*symbol, usize::from(*length)),
                _ => long(window)?,
            };
            if length > count {
                break;
            }
            out.push(symbol);
            count -= length;
        }
    }
    // What is left is padding: the front of EOS, shorter than a byte (RFC 7541 section 5.2).
    let padding = (1u64 << count.min(8)) - 1;
    if count >= 8 || bits & padding != padding {
        return Err(Malformed);
    }
    Ok(())
}

/// A code longer than 8 bits at the front of 30. EOS and what lies behind it is refused only once all
/// its bits are there: before, it may be padding.
fn long(window: u32) -> Result<(u8, usize), Malformed> {
    for length in 9..=LONGEST {
        if CODE.end.get(length).is_some_and(|end| window < *end) {
            let code = window >> (LONGEST - length);
            let place = CODE.base.get(length).map_or(0, |base| base.wrapping_add(code));
            return match CODE.symbols.get(place as usize) {
                Some(symbol) if *symbol != EOS => Ok((*symbol as u8, length)),
                _ => Err(Malformed),
            };
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(input: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        decode(input, &mut out).map(|()| out)
    }

    /// Writes `text` by the codes that the lengths give.
    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut bits = String::new();
        for byte in text {
            let length = LENGTHS[usize::from(*byte)] as usize;
            let place = CODE.symbols.iter().position(|s| *s == u16::from(*byte)).unwrap();
            let code = (place as u32).wrapping_sub(CODE.base[length]);
            bits.extend(format!("{code:0length$b}").chars());
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        (0..bits.len() / 8)
            .map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap())
            .collect()
    }

    #[test]
    fn decodes_the_examples_of_the_specification() {
        // RFC 7541 sections C.4.1 and C.6.1.
        for (input, text) in [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("6402", "302"),
            (
                "d07abe941054d444a8200595040b8166e082a62d1bff",
                "Mon, 21 Oct 2013 20:13:21 GMT",
            ),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
        ] {
            let bytes: Vec<u8> = (0..input.len() / 2)
                .map(|at| u8::from_str_radix(&input[at * 2..at * 2 + 2], 16).unwrap())
                .collect();
            assert_eq!(decoded(&bytes).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        assert_eq!(decoded(&encoded(&all)).unwrap(), all);
    }

    /// RFC 7541 section 5.2: padding is the front of EOS, at most 7 bits, and EOS itself an error.
    #[test]
    fn wrong_padding_is_refused() {
        assert_eq!(decoded(&[]), Ok(Vec::new()));
        // '0' is 00000; then padding 111, 110, or a whole byte too much.
        assert_eq!(decoded(&[0b0000_0111]).unwrap(), b"0");
        assert_eq!(decoded(&[0b0000_0110]), Err(Malformed));
        assert_eq!(decoded(&[0b0000_0111, 0xff]), Err(Malformed));
        assert_eq!(decoded(&[0xff; 4]), Err(Malformed));
    }
}
