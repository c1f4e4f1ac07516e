use super::*;
use crate::harness::sink_context;
use flott_core::Configuration;

fn printed(sink: PrintSink<u32>, subtask: u32, parallelism: u32) -> String {
    let env = Env::real().unwrap();
    let out = Arc::new(Mutex::new(Vec::new()));
    let sink = sink.to_writer(out.clone());
    env.block_on(async {
        let cx = sink_context(&env, subtask, parallelism, Configuration::new());
        let mut writer = sink.create_writer(&cx, vec![]).await.unwrap();
        writer.write(vec![1, 2], None).await.unwrap();
        writer.write(vec![3], None).await.unwrap();
        writer.flush(true).await.unwrap();
    });
    let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
    text.replace('\n', "|")
}

#[test]
fn lines_start_as_flinks_do() {
    assert_eq!(printed(PrintSink::new(), 0, 1), "1|2|3|");
    assert_eq!(printed(PrintSink::new(), 1, 4), "2> 1|2> 2|2> 3|");
    assert_eq!(printed(PrintSink::new().with_identifier("x"), 0, 1), "x> 1|x> 2|x> 3|");
    assert_eq!(printed(PrintSink::new().with_identifier("x"), 0, 2), "x:1> 1|x:1> 2|x:1> 3|");
}

#[test]
fn the_form_of_a_record_can_be_chosen() {
    assert_eq!(
        printed(PrintSink::with_format(|n, out| out.extend(std::iter::repeat_n('*', *n as usize))), 0, 1),
        "*|**|***|"
    );
    assert_eq!(printed(PrintSink::debug(), 0, 1), "1|2|3|");
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let env = Env::real().unwrap();
    let sink = PrintSink::<u32>::new().to_writer(Arc::new(Mutex::new(Closed)));
    let error = env.block_on(async {
        let cx = sink_context(&env, 0, 1, Configuration::new());
        let mut writer = sink.create_writer(&cx, vec![]).await.unwrap();
        writer.write(vec![1], None).await.unwrap_err()
    });
    assert!(error.to_string().starts_with("records cannot be printed: broken pipe"), "{error}");
}
