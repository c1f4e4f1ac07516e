//! Word count: how often does each word occur in a text? A job in batch mode, which gives final results only.
//!
//! ```sh
//! cargo run --release -p flott --example word_count                              # a poem that is built in
//! cargo run --release -p flott --example word_count -- --input 'docs/**/*.md'    # a file, a folder or a pattern
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use flott::prelude::*;

const USAGE: &str = "\
Counts the words of a text.

Options:
  --input PATH   the text: a file, a folder or a pattern; a poem that is built in when not given
  --top N        how many words are shown, 10 when not given";

fn main() -> Result<()> {
    let (env, args) = StreamExecutionEnvironment::from_args(USAGE)?;
    // The input ends, so a word's count is needed once, at the end. In streaming mode, the default, the job would emit
    // every word's new count with every line.
    env.set_runtime_mode(RuntimeExecutionMode::Batch);

    // A source: a stream of lines.
    let lines = match args.get("input") {
        Some(path) => env.read_text(path).clone(),
        None => env.from_collection(POEM.lines().map(String::from)),
    };

    // One record per line becomes one record per word.
    let words = lines.flat_map(|line: String, out: &mut Collector<(String, u64)>| {
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            out.collect((word.to_lowercase(), 1));
        }
    });

    // All records of one word go to one subtask, which adds up their ones.
    let counts = words.key_by_ref(|(word, _)| word).sum(|(_, count)| count);

    // Nothing has run so far; this runs the job.
    let mut counts = counts.execute_and_collect("word count")?;

    // Subtasks give their words in no particular order.
    counts.sort_by(|(word, count), (other, more)| more.cmp(count).then(word.cmp(other)));
    for (word, count) in counts.iter().take(args.get_or("top", 10)?) {
        println!("{count:>6}  {word}");
    }
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    println!("{total} words, {} different ones", counts.len());
    Ok(())
}

/// Lewis Carroll, "Jabberwocky" (1871).
const POEM: &str = "\
'Twas brillig, and the slithy toves
Did gyre and gimble in the wabe:
All mimsy were the borogoves,
And the mome raths outgrabe.

\"Beware the Jabberwock, my son!
The jaws that bite, the claws that catch!
Beware the Jubjub bird, and shun
The frumious Bandersnatch!\"

He took his vorpal sword in hand;
Long time the manxome foe he sought—
So rested he by the Tumtum tree
And stood awhile in thought.

And, as in uffish thought he stood,
The Jabberwock, with eyes of flame,
Came whiffling through the tulgey wood,
And burbled as it came!

One, two! One, two! And through and through
The vorpal blade went snicker-snack!
He left it dead, and with its head
He went galumphing back.

\"And hast thou slain the Jabberwock?
Come to my arms, my beamish boy!
O frabjous day! Callooh! Callay!\"
He chortled in his joy.

'Twas brillig, and the slithy toves
Did gyre and gimble in the wabe:
All mimsy were the borogoves,
And the mome raths outgrabe.
";
