// SPDX-License-Identifier: Apache-2.0
// Stores that are read as a whole: those that a rule names by their place, and those whose form
// says what they are.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "anchors/openpgp.h"
#include "anchors/read.h"
#include "scan/keylines.h"
#include "scan/scanner.h"
#include "trust/detect.h"
#include "trust/esl.h"
#include "trust/fit.h"
#include "trust/jks.h"
#include "trust/mcuboot.h"
#include "trust/p11kit.h"
#include "trust/pkcs12.h"
#include "trust/varstore.h"

namespace birthmark::scan {
namespace {

using enum vocab::AnchorKind;
constexpr size_t kMaxText = 4 << 20;

// Rules of stores that are known by their form.
constexpr Place kUefiVariables{.rule = "form.uefi-variables",
                               .kind = kFirstBoot,
                               .verifies = "boot loaders and drivers, by UEFI Secure Boot",
                               .reason = "the variables that UEFI firmware checks loaders with"};
constexpr Place kSignatureLists{.rule = "form.signature-list",
                                .kind = kFirstBoot,
                                .certainty = Certainty::kLikely,
                                .verifies = "boot loaders and drivers, once enrolled in UEFI",
                                .reason = "a signature list, the form in which UEFI takes keys"};
constexpr Place kFitTree{.rule = "form.fit-keys",
                         .kind = kFirstBoot,
                         .verifies = "FIT images, by U-Boot",
                         .reason = "keys in a device tree's /signature, where U-Boot looks"};
constexpr Place kMcuboot{.rule = "form.mcuboot-image",
                         .kind = kFirstBoot,
                         .verifies = "this image, by MCUboot",
                         .reason = "the image says whose key signed it"};
constexpr Place kJava{.rule = "form.java-keystore",
                      .certainty = Certainty::kLikely,
                      .verifies = "what a Java program checks with it",
                      .reason = "a key store of Java with trusted certificates"};
constexpr Place kP11KitFile{.rule = "form.p11-kit",
                            .certainty = Certainty::kLikely,
                            .verifies = "TLS servers, where p11-kit reads it",
                            .reason = "a file of p11-kit's own form"};
constexpr Place kTrustStore{.rule = "form.trust-store",
                            .certainty = Certainty::kLikely,
                            .verifies = "what a program checks with it",
                            .reason = "a form that holds nothing but anchors"};

std::string_view LastName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool StartsWith(ByteView data, std::initializer_list<uint8_t> magic, size_t at = 0) {
  return data.size() >= at + magic.size() &&
         std::equal(magic.begin(), magic.end(), data.begin() + static_cast<ptrdiff_t>(at));
}

// GuidAt is true for the types of signature lists that hold anchors or refusals.
bool SignatureTypeAt(ByteView head, size_t at) {
  return StartsWith(head, {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94}, at) ||
         StartsWith(head, {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50}, at) ||
         StartsWith(head, {0xe8, 0x66, 0x57, 0x3c, 0x9c, 0x26}, at) ||
         StartsWith(head, {0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96}, at);
}

struct Form {
  trust::Format format;
  const Place* place;
};

// FormOf tells a store by its first octets, so that no other file is read whole.
std::optional<Form> FormOf(ByteView head, std::string_view name) {
  using enum trust::Format;
  if (StartsWith(head, {0xfe, 0xed, 0xfe, 0xed}) || StartsWith(head, {0xce, 0xce, 0xce, 0xce}))
    return Form{kJavaKeystore, &kJava};
  if (StartsWith(head, {0xd0, 0x0d, 0xfe, 0xed})) return Form{kFit, &kFitTree};
  if (StartsWith(head, {0x3d, 0xb8, 0xf3, 0x96})) return Form{kMcubootImage, &kMcuboot};
  if (StartsWith(head, {'_', 'F', 'V', 'H'}, 40)) return Form{kVariableStore, &kUefiVariables};
  // An authenticated write: a time, then WIN_CERTIFICATE of type EFI_GUID.
  const bool write = StartsWith(head, {0x00, 0x02, 0xf1, 0x0e}, 20);
  // efivarfs puts the variable's attributes first.
  const bool variable = SignatureTypeAt(head, 4) && name.find('-') != std::string_view::npos;
  if (SignatureTypeAt(head, 0) || variable || write) return Form{kSignatureList, &kSignatureLists};
  if (AsText(head).find("[p11-kit-object-v1]") != std::string_view::npos)
    return Form{kP11Kit, &kP11KitFile};
  // A PFX is a SEQUENCE that begins with the version 3 and a SEQUENCE (RFC 7292 section 4).
  if (StartsWith(head, {0x30, 0x82}) && StartsWith(head, {0x02, 0x01, 0x03, 0x30}, 4))
    return Form{kPkcs12, &kJava};
  return std::nullopt;
}

// VariableWords says what a UEFI variable's entries are believed for, and who can change it.
// Source: UEFI specification 2.10 section 32.3.
std::pair<std::string_view, std::string_view> VariableWords(std::string_view name) {
  if (name == "PK")
    return {"changes of PK and KEK", "a UEFI variable; a write signed by PK changes it"};
  if (name == "KEK")
    return {"changes of db and dbx", "a UEFI variable; a write signed by PK changes it"};
  if (name == "db")
    return {"boot loaders and drivers",
            "a UEFI variable; a write signed by a key of KEK changes it"};
  if (name == "dbx")
    return {"nothing: what it names is refused",
            "a UEFI variable; a write signed by a key of KEK changes it"};
  if (name.starts_with("Mok"))
    return {"boot loaders, kernels and modules, by the shim",
            "a UEFI variable that only boot services can write"};
  return {"", "a UEFI variable"};
}

}  // namespace

void Scanner::AddTrust(const Where& where, const Meta& meta, const Place* place,
                       const trust::Store& read, const std::optional<Digest>& digest) {
  const bool variables = read.format == trust::Format::kVariableStore;
  std::optional<size_t> first;
  std::set<std::string> told;
  auto store_of = [&](const std::string& part) {
    const size_t s = NewStore(where, meta, place, std::string(trust::ToText(read.format)),
                              variables ? part : "");
    Store& store = report_.stores[s];
    store.digest = digest;
    if (variables && !part.empty() && store.members.empty() && !told.contains(part)) {
      told.insert(part);
      const auto [verifies, protection] = VariableWords(part);
      store.verifies = verifies;
      store.protection = std::string(protection) + "; " + store.protection;
    }
    if (!first) first = s;
    return s;
  };
  for (const trust::TrustAnchor& a : read.anchors) {
    std::optional<size_t> item;
    if (!a.certificate.empty()) item = CertificateItem(a.certificate);
    if (!item && !a.spki.empty()) item = KeyItem(a.spki);
    if (!item && !a.digest.empty()) {
      anchors::AnchorEntry e;
      e.form = anchors::EntryForm::kKeyDigest;
      e.label = a.title.empty() ? ToHex(a.digest) : a.title;
      e.algorithm = "unknown";  // a digest does not tell
      e.fingerprint = a.digest;
      if (a.form == trust::Form::kKeyDigest && a.digest.size() == 32) {
        e.spki_digest.emplace();
        std::ranges::copy(a.digest, e.spki_digest->begin());
      }
      item = EntryItem(std::move(e), std::string(trust::ToText(a.form)));
    }
    const size_t store = store_of(a.place);
    if (!item) {
      report_.stores[store].facts.push_back(
          {"scan.anchor-unreadable",
           fmt::format("\"{}\" cannot be read", a.title.empty() ? a.place : a.title)});
      continue;
    }
    const Role role = a.rejected                                    ? Role::kRejected
                      : read.format == trust::Format::kMcubootImage ? Role::kSigner
                                                                    : Role::kAnchor;
    AddMember(store, *item, role, variables ? a.title : a.place);
    in_file_[where.in + "!" + where.path].push_back({*item, role});
  }
  for (const Finding& f : read.findings.all()) {
    const size_t store = first ? *first : store_of("");
    report_.stores[store].facts.push_back({f.code, f.message});
  }
}

void Scanner::AddFacts(const Where& where, const Meta& meta, const Place* place, ByteView data,
                       const anchors::AnchorFacts& facts, std::string form) {
  const size_t store = NewStore(where, meta, place, std::move(form));
  const bool grouped = place != nullptr && place->grouped;
  if (!grouped) {
    report_.stores[store].digest = crypto::Sha256(data);
    report_.stores[store].set_digest = facts.set_digest;
  }
  for (const anchors::AnchorEntry& e : facts.entries) {
    const size_t item = EntryItem(e, std::string(anchors::ToText(e.form)));
    AddMember(store, item, place != nullptr ? Role::kAnchor : Role::kCertificate,
              grouped ? std::string(LastName(where.path)) : "");
  }
  for (const anchors::FactNote& note : facts.notes) {
    if (note.code != "anchors.entry-twice")
      report_.stores[store].facts.push_back({note.code, note.text});
  }
}

bool Scanner::KnownStore(const Where& where, const SourcePtr& file, const Meta& meta,
                         const Place* place, ByteView head) {
  const std::string_view name = LastName(where.path);
  if (AsText(head).starts_with("SQLite format 3") && (name == "cert9.db" || name == "key4.db")) {
    Unreadable(where,
               {ErrorKind::kNegative, "scan.nss",
                "an NSS database: its certificates are looked for, its trust is not read", ""});
    return false;
  }
  if (StartsWith(head, {'K', 'B', 'X', 'f'}, 8)) {
    Unreadable(where, {ErrorKind::kNegative, "scan.keybox",
                       "a keybox of GnuPG; apt does not read it either", ""});
    return true;
  }
  auto form = FormOf(head, name);
  if (!form && !where.top) return false;
  if (file->size() > trust::kMaxStore) {
    if (form && form->format == trust::Format::kFit) {
      // Images with a file system inside are large; keys for verifying lie in small trees.
      WalkTree(*this, where, file, meta);
      return true;
    }
    if (form) {
      Unreadable(where,
                 {ErrorKind::kNegative, "scan.too-large",
                  fmt::format("a {} of {} octets", trust::ToText(form->format), file->size()), ""});
    }
    return false;
  }
  const auto data = ReadWhole(*file, trust::kMaxStore);
  if (!data) {
    Unreadable(where, data.error());
    return true;
  }
  if (!form) {
    const auto detected = trust::DetectFormat(*data);
    // PEM and pins are found by the search, which also tells where they lie.
    if (!detected || *detected == trust::Format::kPem) return false;
    form = Form{*detected, &kTrustStore};
  }
  if (form->format == trust::Format::kVariableStore && !trust::LooksLikeVariableStore(*data))
    return false;
  auto read = trust::ReadStore(form->format, *data);
  if (!read) {
    Unreadable(where, read.error());
    // What is in it may be found all the same.
    return false;
  }
  if (form->format == trust::Format::kFit) {
    if (!read->anchors.empty()) AddTrust(where, meta, form->place, *read, crypto::Sha256(*data));
    WalkTree(*this, where, file, meta);
    return true;
  }
  // Only what the variable is named tells whether a list believes or refuses.
  if (form->format == trust::Format::kSignatureList && name.starts_with("dbx")) {
    if (auto lists = trust::ReadSignatureLists(*data, "dbx")) read = std::move(lists);
  }
  const Place* told = place != nullptr && place->kind ? place : form->place;
  AddTrust(where, meta, told, *read, crypto::Sha256(*data));
  return true;
}

void Scanner::Keyring(const Where& where, const SourcePtr& file, const Meta& meta,
                      const Place* place, std::optional<Bytes> text) {
  if (!text) {
    auto data = ReadWhole(*file, anchors::kMaxAnchorFile);
    if (!data) return Unreadable(where, data.error());
    text = std::move(*data);
  }
  const auto facts = anchors::ReadOpenpgpKeyring(*text);
  if (!facts) return Unreadable(where, facts.error());
  anchors::AnchorFacts all = *facts;
  all.set_digest = anchors::SetDigest(all.entries);
  AddFacts(where, meta, place, *text, all, "openpgp-keyring");
}

bool Scanner::Placed(const Where& where, const SourcePtr& file, const Meta& meta,
                     const Place& place, ByteView head) {
  const std::string_view start = AsText(head);
  if (place.reader == Reader::kPrivateKeys) return false;
  if (place.reader == Reader::kOpenpgp) {
    if (head.empty() || (!(head[0] & 0x80) && start.find("-----BEGIN PGP ") == start.npos))
      return false;
    Keyring(where, file, meta, &place);
    return true;
  }
  if (place.reader == Reader::kAuto && place.kind != kDnssec && !start.starts_with("sha256//"))
    return false;
  const auto data = ReadWhole(*file, kMaxText);
  if (!data) {
    Unreadable(where, data.error());
    return true;
  }
  const std::string_view text = AsText(*data);
  if (place.reader == Reader::kNames) {
    Names(where, text);
    return false;
  }
  if (place.reader == Reader::kAuto || place.reader == Reader::kBind) {
    const Bytes records = place.reader == Reader::kBind ? ToBytes(BindRecords(text)) : *data;
    const auto facts = anchors::ReadAnchors(records);
    if (!facts) return place.kind == kDnssec ? (Unreadable(where, facts.error()), true) : false;
    const std::string kind(anchors::ToText(facts->kind));
    AddFacts(where, meta, &place, *data, *facts, kind);
    RootFile(where, file, NewStore(where, meta, &place, kind));
    return true;
  }
  if (place.reader == Reader::kSignify) {
    const auto spki = ReadSignify(text);
    if (!spki) {
      if (text.starts_with("untrusted comment:")) Unreadable(where, spki.error());
      return false;
    }
    if (const auto item = KeyItem(*spki)) {
      AddMember(NewStore(where, meta, &place, "signify"), *item, Role::kAnchor,
                std::string(LastName(where.path)));
    }
    return true;
  }
  const KeyLines lines = place.reader == Reader::kSshKnownHosts
                             ? ReadKnownHosts(text)
                             : ReadAuthorizedKeys(text, place.reader == Reader::kSshKeys);
  if (!lines.broken.empty()) {
    Unreadable(where, {ErrorKind::kNegative, "scan.ssh-key",
                       fmt::format("{} lines hold no key of SSH, the first is line {}",
                                   lines.broken.size(), lines.broken.front()),
                       ""});
  }
  for (const KeyLine& line : lines.keys) {
    anchors::AnchorEntry e;
    e.form = anchors::EntryForm::kBareKey;
    e.label = line.label;
    e.algorithm = line.algorithm;
    e.key_bits = line.bits;
    const Digest d = crypto::Sha256(line.blob);
    e.fingerprint.assign(d.begin(), d.end());
    const size_t item = EntryItem(std::move(e), "ssh-key");
    AddMember(NewStore(where, meta, &place, "ssh-keys"), item,
              line.rejected ? Role::kRejected : Role::kAnchor, fmt::format("line {}", line.line));
  }
  return place.reader != Reader::kSshAuthorized || !lines.keys.empty();
}

void Scanner::Names(const Where& where, std::string_view text) {
  constexpr std::array<std::string_view, 4> kWords = {"TrustedUserCAKeys",
                                                      "signed-by=", "Signed-By:", "\"keyPath\""};
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#')) continue;
    for (const std::string_view word : kWords) {
      const size_t at = line.find(word);
      if (at == std::string_view::npos) continue;
      // Several paths stand behind each other, with blanks or commas between.
      std::string_view rest = line.substr(at + word.size());
      for (size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
        rest.remove_prefix(slash);
        const size_t stop = std::min(rest.find_first_of(" \t,]\"\r"), rest.size());
        if (named_.size() < 1000)
          named_.push_back({where.in, std::string(rest.substr(0, stop)), where.path});
        rest.remove_prefix(stop);
        if (word == "signed-by=") break;  // the next path is the archive's own
      }
    }
  }
}

}  // namespace birthmark::scan
