// SPDX-License-Identifier: Apache-2.0
// Dialogue: how a ceremony speaks with the people in the room. Leaves out what is said (run.h).
// Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::ceremony {

inline constexpr size_t kMaxAnswer = 4096;

class Dialogue {
 public:
  virtual ~Dialogue() = default;
  // Say shows text to the room.
  virtual void Say(std::string_view text) = 0;
  // Ask gives one line, without its end and without spaces around it. Errors: ceremony.no-answer,
  // ceremony.answer (too long, not UTF-8, control characters).
  virtual Result<std::string> Ask(const std::string& prompt) = 0;
  // AskSecret does not show what is typed. Errors: ceremony.no-answer, those of keystore's
  // passphrases.
  virtual Result<SecretBytes> AskSecret(const std::string& prompt) = 0;
};

// TerminalDialogue speaks through /dev/tty. Errors: passphrase.no-terminal.
Result<std::unique_ptr<Dialogue>> TerminalDialogue();
// AnswersDialogue reads one answer a line from a descriptor, for rehearsals that no person attends,
// and shows the room's text on standard error.
std::unique_ptr<Dialogue> AnswersDialogue(int fd);

}  // namespace birthmark::ceremony
