// SPDX-License-Identifier: Apache-2.0
#include "ceremony/binding.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/reader.h"

namespace birthmark::ceremony {
namespace {

bool NeedsStore(const ScriptKey& k) {
  return k.custody == Custody::kPkcs11 || k.custody == Custody::kTpm;
}

std::string_view SchemeOf(Custody c) { return c == Custody::kTpm ? "tpm2:" : "pkcs11:"; }

}  // namespace

const BoundStore* Binding::Find(std::string_view key) const {
  auto it = std::ranges::find(stores, key, &BoundStore::key);
  return it == stores.end() ? nullptr : &*it;
}

ParsedBinding ParseBinding(std::string_view text, const Script& script) {
  ParsedBinding out;
  if (text.size() > kMaxBindingBytes) {
    out.findings.Error("ceremony.too-large", "the binding is too large",
                       fmt::format("at most {} octets", kMaxBindingBytes));
    return out;
  }
  plan::Context context;
  std::optional<plan::Node> root = plan::ReadToml(text, kMaxBindingBytes, 2048, context.findings);
  Binding b;
  if (root) {
    plan::Reader r(*root, "the binding", context);
    b.shares = r.Text("shares", plan::Need::kOptional);
    for (const plan::Node* n : r.Tables("store")) {
      plan::Reader s(*n, "store", context);
      BoundStore store;
      store.line = n->line;
      store.key = s.Text("key");
      store.uri = s.Text("uri", plan::Need::kRequired, 1000);
      store.pin_file = s.Text("pin-file", plan::Need::kOptional);
      s.Finish();
      b.stores.push_back(std::move(store));
    }
    r.Finish();
    b.raw = std::string(text);
  }
  for (Finding f : context.findings.all()) {
    if (f.code.starts_with("plan.")) f.code = "ceremony." + f.code.substr(5);
    out.findings.Add(std::move(f));
  }
  for (const BoundStore& s : b.stores) {
    const ScriptKey* k = script.FindKey(s.key);
    if (k == nullptr || !NeedsStore(*k)) {
      out.findings.Error("ceremony.binding-key",
                         fmt::format("\"{}\" is no key of the script that a module keeps", s.key),
                         "name a key of custody pkcs11 or tpm2", s.line);
    } else if (!s.uri.starts_with(SchemeOf(k->custody))) {
      out.findings.Error("ceremony.binding-uri",
                         fmt::format("key \"{}\" has custody \"{}\", its store another scheme",
                                     k->id, plan::ToText(k->custody)),
                         fmt::format("a URI that begins with {}", SchemeOf(k->custody)), s.line);
    }
  }
  for (const ScriptKey& k : script.keys) {
    if (!NeedsStore(k)) continue;
    auto same = std::ranges::count(b.stores, k.id, &BoundStore::key);
    if (same != 1)
      out.findings.Error(
          "ceremony.binding-missing",
          fmt::format("key \"{}\" has {} stores in the binding", k.id, same),
          "give it one [[store]]; birthmark ceremony new writes the file to fill in");
  }
  if (root) out.binding = std::move(b);
  return out;
}

std::string FormatBinding(const Script& script) {
  std::string out =
      "# The binding of a ceremony: where its hardware is on this machine "
      "(docs/formats/ceremony.md).\n"
      "# Not reviewed with the script, and no evidence; no PIN is written here.\n"
      "# shares = \"/media/stick\"  # where share files and pages go instead of DIR/shares\n";
  for (const ScriptKey& k : script.keys) {
    if (!NeedsStore(k)) continue;
    out += fmt::format(
        "\n[[store]]\nkey = \"{}\"\nuri = \"{}\"\n# pin-file = \"/run/pin\"  # else it is asked "
        "for\n",
        k.id,
        k.custody == Custody::kTpm ? "tpm2:tcti=device:/dev/tpmrm0"
                                   : "pkcs11:token=FILL?module-path=FILL");
  }
  return out;
}

}  // namespace birthmark::ceremony
