//! The functions that fuzzers feed, and a short run of them without a fuzzer.
//!
//! `fuzz/` gives them to libFuzzer, which needs a nightly compiler and time; the test below gives them the corpus of that
//! folder and mutations of it, the same at every run, so that neither the functions nor what they guard can rot.

mod erlang;
mod reader;
mod stanza;
mod stun;

pub use erlang::erlang;
pub use reader::xmlstream_reader;
pub use stanza::stanza;
pub use stun::stun;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;

    /// Mutated inputs of a target at most.
    const INPUTS_MAX: u32 = 60_000;

    /// Time of a target at most, on machines that need more for so many.
    const TIME_MAX: Duration = Duration::from_secs(3);

    /// Bytes of a mutated input at most.
    const INPUT_BYTES_MAX: usize = 8 * 1024;

    /// What chance alone would rarely write.
    const WORDS: &[&str] = &[
        "<",
        ">",
        "/>",
        "</",
        "='",
        "'",
        "\"",
        "&amp;",
        "&#x10FFFF;",
        "&#1;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?",
        "?>",
        "xmlns=''",
        "xmlns:x='u'",
        "x:",
        "xml:lang='en'",
        " type='error'",
        " to='a@b/c'",
        " from='@'",
        "</stream:stream>",
        "<stream:stream>",
        "<message>",
        "<iq type='get' id='1'>",
        "<error/>",
        "\u{0}",
        "\u{ffff}",
        "\u{1f600}",
        " ",
        "\n",
    ];

    /// Numbers that are the same at every run (xorshift64*).
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
        }

        /// Below `bound`, or 0.
        fn below(&mut self, bound: usize) -> usize {
            usize::try_from(self.next() >> 33).unwrap().checked_rem(bound).unwrap_or(0)
        }
    }

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], numbers: &mut Numbers) {
        let at = numbers.below(input.len() + 1);
        let end = at + numbers.below((input.len() - at).min(64) + 1);
        match numbers.below(6) {
            0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            1 => drop(input.drain(at..end)),
            2 => {
                let again = input[at..end].to_vec();
                let to = numbers.below(input.len() + 1);
                input.splice(to..to, again);
            }
            3 => input.truncate(at),
            4 => {
                let other = &corpus[numbers.below(corpus.len())];
                let from = numbers.below(other.len());
                input.splice(at..end, other[from..].iter().copied());
            }
            _ => drop(input.splice(at..at, WORDS[numbers.below(WORDS.len())].bytes())),
        }
        input.truncate(INPUT_BYTES_MAX);
    }

    fn run(name: &str, target: fn(&[u8])) {
        let corpus = corpus(name);
        assert!(corpus.len() >= 5, "the corpus of {name} is there");
        let feed = |input: &[u8]| {
            let fed = catch_unwind(AssertUnwindSafe(|| target(input)));
            assert!(fed.is_ok(), "{name} fails with b\"{}\"", input.escape_ascii());
        };
        corpus.iter().for_each(|input| feed(input));
        let (began, mut numbers) = (Instant::now(), Numbers(0x9E37_79B9_7F4A_7C15));
        for _ in 0..INPUTS_MAX {
            if began.elapsed() > TIME_MAX {
                break;
            }
            let mut input = corpus[numbers.below(corpus.len())].clone();
            for _ in 0..=numbers.below(6) {
                mutate(&mut input, &corpus, &mut numbers);
            }
            feed(&input);
        }
    }

    #[test]
    fn xmlstream_reader_keeps_its_word() {
        run("xmlstream_reader", xmlstream_reader);
    }

    #[test]
    fn stun_keeps_its_word() {
        run("stun", stun);
    }

    #[test]
    fn stanza_keeps_its_word() {
        run("stanza", stanza);
    }

    #[test]
    fn erlang_keeps_its_word() {
        run("erlang", erlang);
    }

    #[test]
    fn mutations_reach_both_what_is_accepted_and_what_is_refused() {
        let corpus = corpus("stanza");
        let mut numbers = Numbers(1);
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..2_000 {
            let mut input = corpus[numbers.below(corpus.len())].clone();
            mutate(&mut input, &corpus, &mut numbers);
            match xmlstream::RawElement::parse(&input, "jabber:client") {
                Ok(_) => accepted += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(accepted > 200 && refused > 200, "{accepted} accepted, {refused} refused");
    }
}
