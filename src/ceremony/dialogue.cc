// SPDX-License-Identifier: Apache-2.0
#include "ceremony/dialogue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "keystore/passphrase.h"

namespace birthmark::ceremony {
namespace {

std::string_view Stripped(std::string_view s) {
  while (!s.empty() && (s.back() == ' ' || s.back() == '\r' || s.back() == '\t'))
    s.remove_suffix(1);
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  return s;
}

// ReadAnswer reads octets up to the end of a line, one by one: what stands behind it belongs to
// the next question.
Result<SecretBytes> ReadAnswer(int fd) {
  SecretBytes line(kMaxAnswer + 1);
  std::span<uint8_t> buf = line.Write(SecretAccess{});
  size_t n = 0;
  for (;;) {
    uint8_t c = 0;
    ssize_t got = read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return Environment("ceremony.no-answer", "the answers ended before the ceremony did",
                         "what was confirmed stands; go on with: birthmark ceremony resume DIR");
    if (c == '\n') break;
    if (n == kMaxAnswer)
      return Refused("ceremony.answer",
                     fmt::format("the answer is longer than {} octets", kMaxAnswer),
                     "type a short line; resume with: birthmark ceremony resume DIR");
    buf[n++] = c;
  }
  SecretBytes out(n);
  std::copy_n(buf.begin(), n, out.Write(SecretAccess{}).begin());
  return out;
}

Result<std::string> PlainAnswer(int fd) {
  BM_TRY(SecretBytes line, ReadAnswer(fd));
  std::string s(Stripped(AsText(line.Read(SecretAccess{}))));
  bool control = std::ranges::any_of(
      s, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control || !IsUtf8(s))
    return Refused("ceremony.answer", "the answer holds something that is no text",
                   "type one line of text");
  return s;
}

void WriteAll(int fd, std::string_view s) {
  while (!s.empty()) {
    ssize_t put = write(fd, s.data(), s.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // whoever watched has gone; the answers decide
    s.remove_prefix(static_cast<size_t>(put));
  }
}

class AtTerminal : public Dialogue {
 public:
  explicit AtTerminal(int tty) : tty_(tty) {}
  ~AtTerminal() override { close(tty_); }
  void Say(std::string_view text) override { WriteAll(tty_, fmt::format("{}\n", text)); }
  Result<std::string> Ask(const std::string& prompt) override {
    WriteAll(tty_, prompt);
    return PlainAnswer(tty_);
  }
  Result<SecretBytes> AskSecret(const std::string& prompt) override {
    auto answer = keystore::PassphraseFromTerminal(prompt);
    if (!answer && answer.error().code == "passphrase.empty") return SecretBytes();
    return answer;
  }

 private:
  int tty_;
};

class FromDescriptor : public Dialogue {
 public:
  explicit FromDescriptor(int fd) : fd_(fd) {}
  void Say(std::string_view text) override { WriteAll(STDERR_FILENO, fmt::format("{}\n", text)); }
  Result<std::string> Ask(const std::string& prompt) override {
    Say(prompt);
    return PlainAnswer(fd_);
  }
  Result<SecretBytes> AskSecret(const std::string& prompt) override {
    Say(prompt);
    return ReadAnswer(fd_);
  }

 private:
  int fd_;
};

}  // namespace

Result<std::unique_ptr<Dialogue>> TerminalDialogue() {
  int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (tty < 0)
    return Environment("passphrase.no-terminal", "a ceremony speaks with people at a terminal",
                       "run it at the offline machine's own terminal");
  return std::make_unique<AtTerminal>(tty);
}

std::unique_ptr<Dialogue> AnswersDialogue(int fd) { return std::make_unique<FromDescriptor>(fd); }

}  // namespace birthmark::ceremony
