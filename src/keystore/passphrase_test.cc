// SPDX-License-Identifier: Apache-2.0
#include "keystore/passphrase.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/files.h"
#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

std::string TextOf(const Result<SecretBytes>& r) {
  if (!r) return "<" + r.error().code + ">";
  return std::string(AsText(r->Read(SecretAccess{})));
}

class PassphraseTest : public testing::Test {
 protected:
  fs::path Put(std::string_view text, int mode = 0600) {
    fs::path p = dir_ / "pass";
    EXPECT_TRUE(WriteFileAtomic(p, text, 0600));
    EXPECT_EQ(chmod(p.c_str(), static_cast<mode_t>(mode)), 0);
    return p;
  }
  void TearDown() override {
    unsetenv("BIRTHMARK_PASSPHRASE_FILE");
    unsetenv("CREDENTIALS_DIRECTORY");
  }
  test::TempDir dir_;
};

TEST_F(PassphraseTest, OneNewlineAtTheEndIsDropped) {
  EXPECT_EQ(TextOf(PassphraseFromFile(Put("pass"))), "pass");
  EXPECT_EQ(TextOf(PassphraseFromFile(Put("pass\n"))), "pass");
  EXPECT_EQ(TextOf(PassphraseFromFile(Put(" pass \n\n"))), " pass \n");
}

TEST_F(PassphraseTest, EmptyAndEndlessAreRefused) {
  EXPECT_EQ(TextOf(PassphraseFromFile(Put(""))), "<passphrase.empty>");
  EXPECT_EQ(TextOf(PassphraseFromFile(Put("\n"))), "<passphrase.empty>");
  std::string longest(kMaxPassphrase, 'x');
  EXPECT_EQ(TextOf(PassphraseFromFile(Put(longest + "\n"))), longest);
  EXPECT_EQ(TextOf(PassphraseFromFile(Put(longest + "x"))), "<passphrase.too-long>");
  EXPECT_EQ(TextOf(PassphraseFromFile("/dev/zero")), "<passphrase.too-long>");
}

TEST_F(PassphraseTest, FileThatOthersMayReadIsRefusedWithTheFix) {
  for (int mode : {0644, 0640, 0604, 0660}) {
    auto r = PassphraseFromFile(Put("pass", mode));
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, "passphrase.permissions");
    EXPECT_EQ(r.error().fix, "chmod 600 " + (dir_ / "pass").string());
    EXPECT_EQ(r.error().ToString().find("pass\n"), std::string::npos);
  }
  EXPECT_EQ(TextOf(PassphraseFromFile(Put("pass", 0400))), "pass");
  EXPECT_EQ(TextOf(PassphraseFromFile(dir_ / "absent")), "<file.missing>");
}

TEST_F(PassphraseTest, DescriptorIsReadToItsEndAndLeftOpen) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  ASSERT_EQ(write(fds[1], "pa", 2), 2);
  ASSERT_EQ(write(fds[1], "ss\n", 3), 3);
  close(fds[1]);
  EXPECT_EQ(TextOf(PassphraseFromFd(fds[0])), "pass");
  EXPECT_EQ(close(fds[0]), 0);
  EXPECT_EQ(TextOf(PassphraseFromFd(fds[0])), "<passphrase.read>");
}

TEST_F(PassphraseTest, ExplicitSourceWinsThenEnvironmentThenCredential) {
  ASSERT_TRUE(WriteFileAtomic(dir_ / "env", "from-env", 0600));
  ASSERT_TRUE(WriteFileAtomic(dir_ / "store", "from-credential", 0600));
  setenv("CREDENTIALS_DIRECTORY", dir_.path().c_str(), 1);
  PassphraseSource source;
  source.credential = "store";
  EXPECT_EQ(TextOf(ReadPassphrase(source)), "from-credential");
  setenv("BIRTHMARK_PASSPHRASE_FILE", (dir_ / "env").c_str(), 1);
  EXPECT_EQ(TextOf(ReadPassphrase(source)), "from-env");
  source.file = Put("from-file");
  EXPECT_EQ(TextOf(ReadPassphrase(source)), "from-file");
}

// Asker is a child with a terminal of its own that asks for a passphrase and exits 0 when it is
// "pass".
class Asker {
 public:
  explicit Asker(bool twice) {
    int tty = -1;
    EXPECT_EQ(openpty(&master_, &tty, nullptr, nullptr, nullptr), 0);
    tty_ = tty;
    pid_ = fork();
    if (pid_ == 0) {
      setsid();
      ioctl(tty, TIOCSCTTY, 0);
      _exit(TextOf(PassphraseFromTerminal("Passphrase: ", twice)) == "pass" ? 0 : 1);
    }
    WaitFor("Passphrase: ");
  }
  ~Asker() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(master_);
    close(tty_);
  }
  bool Echoes() const {
    termios t{};
    EXPECT_EQ(tcgetattr(tty_, &t), 0);
    return (t.c_lflag & ECHO) != 0;
  }
  void Type(std::string_view s) {
    EXPECT_EQ(write(master_, s.data(), s.size()), static_cast<ssize_t>(s.size()));
  }
  void WaitFor(std::string_view text) {
    pollfd p{master_, POLLIN, 0};
    while (seen_.find(text, from_) == std::string::npos && poll(&p, 1, 10'000) == 1) {
      char c = 0;
      if (read(master_, &c, 1) != 1) break;
      seen_ += c;
    }
    EXPECT_NE(seen_.find(text, from_), std::string::npos) << seen_;
    from_ = seen_.size();
  }
  int End() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return status;
  }
  pid_t pid() const { return pid_; }
  const std::string& seen() const { return seen_; }

 private:
  int master_ = -1, tty_ = -1;
  pid_t pid_ = -1;
  std::string seen_;
  size_t from_ = 0;
};

TEST_F(PassphraseTest, TerminalDoesNotEchoAndIsRestored) {
  Asker a(false);
  EXPECT_FALSE(a.Echoes());
  a.Type("pass\n");
  a.WaitFor("\n");
  EXPECT_EQ(a.End(), 0);
  EXPECT_TRUE(a.Echoes());
  EXPECT_EQ(a.seen().find("pass\r"), std::string::npos);
}

TEST_F(PassphraseTest, SignalRestoresTheTerminalAndStillKills) {
  Asker a(false);
  EXPECT_FALSE(a.Echoes());
  kill(a.pid(), SIGTERM);
  int status = a.End();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_TRUE(a.Echoes());
}

TEST_F(PassphraseTest, NewPassphraseIsAskedTwice) {
  Asker same(true);
  same.Type("pass\n");
  same.WaitFor("Again: ");
  same.Type("pass\n");
  EXPECT_EQ(same.End(), 0);
  Asker other(true);
  other.Type("pass\n");
  other.WaitFor("Again: ");
  other.Type("Pass\n");
  EXPECT_NE(other.End(), 0);
}

TEST_F(PassphraseTest, WithoutATerminalItSaysWhatToGive) {
  pid_t pid = fork();
  if (pid == 0) {
    setsid();  // leaves the controlling terminal, if there was one
    auto r = ReadPassphrase({});
    _exit(!r && r.error().code == "passphrase.no-terminal" && !r.error().fix.empty() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace birthmark::keystore
