//! Commands as processes: the binary under test, and `kubectl`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::Notify,
};

/// Long enough for a loaded machine; nothing here takes that long when it works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub fn outrigger() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("OUTRIGGER_BIN").map_or_else(build, PathBuf::from))
}

/// Takes the binary beside this test's own, and builds it first where it is older than its sources.
fn build() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).unwrap();
    let binary = profile.join("outrigger");
    if is_fresh(&binary) {
        return binary;
    }
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "outrigger", "--target-dir"]).arg(profile.parent().unwrap());
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") => &mut cargo,
        Some(name) => cargo.args(["--profile", name]),
        None => unreachable!("a target directory has a name"),
    };
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(built.success(), "the binary does not build");
    binary
}

/// Whether nothing that the binary is made of is newer, by the list that cargo leaves beside it.
fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let Some(made) = modified(binary) else { return false };
    let Ok(list) = std::fs::read_to_string(binary.with_extension("d")) else { return false };
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    let older = |path: &str| modified(Path::new(path)).is_some_and(|at: SystemTime| at <= made);
    !sources.is_empty() && sources.split_whitespace().all(older)
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// What it printed, if it ended well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }

    /// What it complained of: it must have failed with this code, in one line with all these parts.
    #[track_caller]
    pub fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        let lines: Vec<&str> = self.err.lines().filter(|line| line.starts_with("error:")).collect();
        assert_eq!(lines.len(), 1, "it should say one thing:\n{}", self.err);
        for part in parts {
            assert!(lines[0].contains(part), "no {part:?} in: {}", lines[0]);
        }
    }
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("KUBECONFIG").env("OUTRIGGER_DATA", "/nonexistent").kill_on_drop(true);
    command
}

async fn run(mut command: Command, input: &str) -> Ended {
    let shown = format!("{:?}", command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // It may end without having read everything.
    tokio::spawn(async move { stdin.write_all(input.as_bytes()).await });
    let ended = tokio::time::timeout(PATIENCE * 2, child.wait_with_output()).await;
    let ended = ended.unwrap_or_else(|_| panic!("it does not end: {shown}")).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ended = Ended { code: ended.status.code().unwrap_or(-1), out: text(&ended.stdout), err: text(&ended.stderr) };
    println!("$ {shown}\n{}{}", ended.out, ended.err);
    ended
}

/// Runs a command of the binary to its end.
pub async fn call(args: &[&str]) -> Ended {
    let mut command = command(outrigger());
    command.args(args);
    run(command, "").await
}

/// `kubectl` for one cluster.
#[derive(Clone)]
pub struct Kubectl {
    kubeconfig: PathBuf,
    home: PathBuf,
    editor: String,
}

impl Kubectl {
    /// For the cluster of a kubeconfig; its caches go beside that file. `None`, and a line that says so,
    /// where there is no `kubectl`.
    pub fn new(kubeconfig: &Path, home: &Path) -> Option<Self> {
        static THERE: OnceLock<bool> = OnceLock::new();
        let is_there = THERE.get_or_init(|| {
            let mut version = std::process::Command::new("kubectl");
            version.args(["version", "--client"]).stdout(Stdio::null());
            version.status().is_ok_and(|status| status.success())
        });
        if !is_there {
            println!("skipped, no kubectl");
            return None;
        }
        Some(Self { kubeconfig: kubeconfig.to_owned(), home: home.to_owned(), editor: "false".to_owned() })
    }

    /// With an editor for `kubectl edit`.
    pub fn with_editor(mut self, editor: &str) -> Self {
        self.editor = editor.to_owned();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(Path::new("kubectl"));
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.home).env("KUBE_EDITOR", &self.editor).args(args);
        command
    }

    /// Runs it to its end.
    pub async fn run(&self, args: &[&str]) -> Ended {
        run(self.command(args), "").await
    }

    /// Runs it to its end with something to read.
    pub async fn feed(&self, args: &[&str], input: &str) -> Ended {
        run(self.command(args), input).await
    }

    /// Starts it, for commands that go on.
    pub fn start(&self, args: &[&str]) -> Process {
        Process::spawn(self.command(args), "kubectl")
    }
}

/// Lines that a process has said so far.
#[derive(Default)]
struct Said {
    lines: Mutex<Vec<String>>,
    more: Notify,
}

/// A process that runs on. It is killed when this is dropped.
pub struct Process {
    child: Child,
    said: Arc<Said>,
}

impl Process {
    /// Starts a command of the binary.
    pub fn start(args: &[&str]) -> Self {
        let mut command = command(outrigger());
        command.args(args);
        Self::spawn(command, args.first().copied().unwrap_or_default())
    }

    fn spawn(mut command: Command, name: &str) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Said::default());
        tokio::spawn(listen(child.stdout.take().unwrap(), said.clone(), name.to_owned()));
        tokio::spawn(listen(child.stderr.take().unwrap(), said.clone(), name.to_owned()));
        Self { child, said }
    }

    /// Waits until it has said a line with `part` that is not among the first `after`; gives the number
    /// of lines up to and with that one.
    pub async fn says_after(&self, after: usize, part: &str) -> usize {
        let hearing = async {
            loop {
                let more = self.said.more.notified();
                let found = self.said.lines.lock().iter().skip(after).position(|line| line.contains(part));
                if let Some(at) = found {
                    return after + at + 1;
                }
                more.await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, hearing).await;
        heard.unwrap_or_else(|_| panic!("it does not say {part:?}: {:?}", self.said.lines.lock()))
    }

    /// Waits until it has said a line with `part`.
    pub async fn says(&self, part: &str) {
        self.says_after(0, part).await;
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

async fn listen(stream: impl AsyncRead + Unpin, said: Arc<Said>, name: String) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        println!("[{name}] {line}");
        said.lines.lock().push(line);
        said.more.notify_waiters();
    }
}
