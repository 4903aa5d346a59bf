// SPDX-License-Identifier: Apache-2.0
// Commands of a threshold key that machines make and use apart (cmd_share_rounds.cc), and of shares
// on smartcards (cmd_share_card.cc).
#pragma once

#include "app/shares.h"
#include "cli/spec.h"

namespace birthmark::cli {

Result<int> ShareBegin(const Invocation&);
Result<int> ShareRenew(const Invocation&);
Result<int> ShareJoin(const Invocation&);
Result<int> ShareChoose(const Invocation&);
Result<int> ShareKey(const Invocation&);
Result<int> ShareRequest(const Invocation&);
Result<int> ShareCombine(const Invocation&);
Result<int> ShareStore(const Invocation&);
Result<int> ShareSheet(const Invocation&);

// OpenNamed opens the share that a command's F names.
Result<app::HeldShare> OpenNamed(const Invocation& in);
// ShareJson and ShareText say which share it is; WroteOf what was written of it.
std::string ShareJson(const custody::Share& s, std::string_view more);
std::string ShareText(const custody::Share& s);
int WroteOf(const Invocation& in, const custody::Share& s, const std::string& file,
            std::string_view more_json = "");

// CardsFor reads shares on smartcards, with the PIN from where the command says; empty in programs
// that reach none.
app::ReadCard CardsFor(const Invocation&);

}  // namespace birthmark::cli
