// SPDX-License-Identifier: Apache-2.0
#include "seed/pskc.h"

#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "crypto/openssl.h"
#include "seed/pskc_keys.h"
#include "seed/pskc_tags.h"

namespace birthmark::seed {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxToken = 256 * 1024;  // of markup that expat must keep whole

std::string_view Trimmed(std::string_view s) {
  auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!s.empty() && space(s.front())) s.remove_prefix(1);
  while (!s.empty() && space(s.back())) s.remove_suffix(1);
  return s;
}

// Package is one KeyPackage while it is read.
struct Package {
  std::string serial, module;
  bool key = false, policy = false, encrypted = false, plain_given = false;
  EncryptedValue value;
  std::optional<Bytes> mac;
  SecretBytes plain;
  std::optional<Error> error;  // the first thing wrong with this element alone
};

class PskcReader {
 public:
  PskcReader(const ReadOptions& options, Intake& intake, Summary& summary)
      : options_(options), intake_(intake), summary_(summary), keys_(options) {}

  Status Run(Input& in);

 private:
  static void XMLCALL OnStart(void* self, const XML_Char* name, const XML_Char** atts);
  static void XMLCALL OnEnd(void* self, const XML_Char* name);
  static void XMLCALL OnText(void* self, const XML_Char* s, int n);
  static void XMLCALL OnDoctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int);

  void Start(std::string_view name, const XML_Char** atts);
  void End();
  void Text(std::string_view s);
  Status Enter(Tag tag, const XML_Char** atts);
  Status Leave(Tag tag);
  Status Place(Tag tag, std::string_view text);
  Status FinishPackage();
  Status HeadIsRead();
  // Wrong is a fault of one element if the reader is inside one, else of the file.
  Status Wrong(std::string code, std::string message, std::string fix = "");
  Status Once(std::string& field, std::string_view text, std::string_view name);
  Status ParserFailed(bool final);
  void Stop(Error e) {
    if (!stopped_) stopped_ = std::move(e);
    XML_StopParser(parser_, XML_FALSE);
  }
  Tag Parent(size_t up = 1) const {
    return stack_.size() > up ? stack_[stack_.size() - 1 - up] : Tag::kNone;
  }
  // Cipher is the EncryptedValue being filled: the nearest of the three elements that hold one.
  EncryptedValue* Cipher();

  const ReadOptions& options_;
  Intake& intake_;
  Summary& summary_;
  PskcKeys keys_;
  PskcHead head_;
  Package package_;
  XML_Parser parser_ = nullptr;
  std::vector<Tag> stack_;
  std::string text_;
  uint64_t fed_ = 0;
  bool in_package_ = false, settled_ = false, any_plain_ = false, any_package_ = false;
  std::optional<Error> stopped_;
};

std::string_view Attribute(const XML_Char** atts, std::string_view name) {
  for (; *atts != nullptr; atts += 2) {
    if (name == atts[0]) return atts[1];
  }
  return {};
}

Status PskcReader::Wrong(std::string code, std::string message, std::string fix) {
  if (!in_package_) return Refused(std::move(code), std::move(message), std::move(fix));
  if (!package_.error) {
    package_.error =
        Error{ErrorKind::kNegative, std::move(code), std::move(message), std::move(fix)};
  }
  return {};
}

Status PskcReader::Once(std::string& field, std::string_view text, std::string_view name) {
  if (!field.empty()) return Wrong("seed.malformed", fmt::format("{} stands twice", name));
  field = Trimmed(text);
  return {};
}

EncryptedValue* PskcReader::Cipher() {
  for (auto it = stack_.rbegin(); it != stack_.rend(); ++it) {
    if (*it == Tag::kEncryptedValue) return &package_.value;
    if (*it == Tag::kMacKey) return &*head_.mac_key;
    if (*it == Tag::kEncryptedKey) return &*head_.wrapped;
  }
  return nullptr;
}

Status PskcReader::HeadIsRead() {
  if (settled_) return {};
  settled_ = true;
  return keys_.Settle(head_);
}

Status PskcReader::Enter(Tag tag, const XML_Char** atts) {
  switch (tag) {
    case Tag::kContainer: {
      std::string_view version = Attribute(atts, "Version");
      // RFC 6030 section 4: a reader that does not know the major version does not go on.
      if (!version.starts_with("1.")) {
        return Refused("seed.format", "a KeyContainer of another Version than 1.x");
      }
      return {};
    }
    case Tag::kEncryptionKey:
      if (any_package_ || head_.has_key) {
        return Refused("seed.malformed", "a second EncryptionKey, or one after the first seed");
      }
      head_.has_key = true;
      return {};
    case Tag::kDerived:
      head_.derived = true;
      return {};
    case Tag::kEncryptedKey:
      if (head_.wrapped) {
        return Refused("seed.malformed", "a second EncryptedKey",
                       "ask for a file to one recipient");
      }
      head_.wrapped.emplace();
      return {};
    case Tag::kMacMethod:
      if (any_package_ || !head_.mac_algorithm.empty()) {
        return Refused("seed.malformed", "a second MACMethod, or one after the first seed");
      }
      head_.mac_algorithm = Attribute(atts, "Algorithm").substr(0, 256);
      if (head_.mac_algorithm.empty()) head_.mac_algorithm = "?";
      return {};
    case Tag::kMacKey:
      if (head_.mac_key) return Refused("seed.malformed", "a second MACKey");
      head_.mac_key.emplace();
      return {};
    case Tag::kMethod:
      Cipher()->algorithm = Attribute(atts, "Algorithm").substr(0, 256);
      return {};
    case Tag::kDigest:
      Cipher()->digest = Attribute(atts, "Algorithm").substr(0, 256);
      if (Cipher()->digest.empty()) Cipher()->digest = "?";
      return {};
    case Tag::kMask:
      Cipher()->mask = Attribute(atts, "Algorithm").substr(0, 256);
      if (Cipher()->mask.empty()) Cipher()->mask = "?";
      return {};
    case Tag::kParams:
      Cipher()->has_params = true;
      return {};
    case Tag::kPackage:
      any_package_ = true;
      BM_CHECK(HeadIsRead());
      in_package_ = true;
      package_ = Package{};
      return {};
    case Tag::kKey:
      if (package_.key) return Wrong("seed.malformed", "two Keys in one KeyPackage");
      package_.key = true;
      return {};
    case Tag::kPolicy:
      package_.policy = true;
      return {};
    case Tag::kEncryptedValue:
      if (package_.encrypted) return Wrong("seed.malformed", "two EncryptedValues in one Key");
      package_.encrypted = true;
      return {};
    default:
      return {};
  }
}

Status PskcReader::Place(Tag tag, std::string_view text) {
  switch (tag) {
    case Tag::kCertificate:
      return Parent(2) == Tag::kKeyInfo ? Once(head_.wrapped_certificate, text, "X509Certificate")
                                        : Once(head_.certificate, text, "X509Certificate");
    case Tag::kKeyName:
      return Parent() == Tag::kKeyInfo ? Once(head_.wrapped_name, text, "KeyName")
                                       : Once(head_.key_name, text, "KeyName");
    case Tag::kCipherValue: {
      auto octets = FromBase64(text);
      if (!octets || octets->empty() || !Cipher()->cipher.empty()) {
        return Wrong("seed.malformed", "a CipherValue that is not base64, empty or given twice");
      }
      Cipher()->cipher = std::move(*octets);
      return {};
    }
    case Tag::kManufacturer:
      if (summary_.oem.empty()) summary_.oem = ShownName(text);
      return {};
    case Tag::kSerialNo:
      return Once(package_.serial, text, "SerialNo");
    case Tag::kModuleId:
      return Once(package_.module, text, "CryptoModuleInfo/Id");
    case Tag::kValueMac: {
      auto octets = FromBase64(text);
      if (!octets || package_.mac) {
        return Wrong("seed.malformed", "a ValueMAC that is not base64, or two");
      }
      package_.mac = std::move(*octets);
      return {};
    }
    case Tag::kPlainValue: {
      if (!options_.allow_unprotected) {
        return Refused("seed.unprotected", "the file's seeds are encrypted with nothing",
                       "whoever saw the file has the keys; ask for an encrypted file, or allow it "
                       "and it is recorded");
      }
      auto octets = FromBase64(text);
      if (!octets || package_.plain_given) {
        return Wrong("seed.malformed", "a PlainValue that is not base64, or two");
      }
      package_.plain_given = true;
      any_plain_ = true;
      package_.plain = SecretBytes::Take(std::move(*octets));
      return {};
    }
    default:
      return {};
  }
}

Status PskcReader::FinishPackage() {
  in_package_ = false;
  Package p = std::move(package_);
  package_ = Package{};
  Result<SecretBytes> seed = SecretBytes();
  if (p.error) {
    seed = std::unexpected(std::move(*p.error));
  } else if (p.policy) {
    // RFC 6030 section 5: a reader that does not understand a policy must take the key as unusable.
    seed = Refused("seed.policy", "the element restricts how its key may be used (Policy)",
                   "policies are not evaluated; ask for seeds without");
  } else if (p.encrypted == p.plain_given) {
    seed = Refused("seed.malformed", p.encrypted ? "both an EncryptedValue and a PlainValue"
                                                 : "a KeyPackage without a seed");
  } else {
    seed = p.encrypted ? keys_.Open(p.value, p.mac) : std::move(p.plain);
  }
  return intake_.Take(p.serial.empty() ? std::move(p.module) : std::move(p.serial), std::move(seed),
                      fed_);
}

Status PskcReader::Leave(Tag tag) {
  if (tag >= Tag::kCertificate) {
    Status s = Place(tag, text_);
    Wipe(text_.data(), text_.size());
    text_.clear();
    return s;
  }
  if (tag == Tag::kPackage) return FinishPackage();
  if (tag == Tag::kContainer) return HeadIsRead();
  return {};
}

void PskcReader::Start(std::string_view name, const XML_Char** atts) {
  size_t space = name.rfind(' ');
  std::string_view ns = space == name.npos ? std::string_view() : name.substr(0, space);
  std::string_view local = space == name.npos ? name : name.substr(space + 1);
  if (stack_.size() >= kMaxDepth) {
    return Stop(Error{ErrorKind::kNegative, "seed.malformed", "XML nested too deep", ""});
  }
  Tag tag = Below(stack_.empty() ? Tag::kNone : stack_.back(), ns, local);
  if (stack_.empty() && tag != Tag::kContainer) {
    return Stop(Error{ErrorKind::kNegative, "seed.format", "XML, but no KeyContainer of RFC 6030",
                      "PSKC 1.0 has the namespace urn:ietf:params:xml:ns:keyprov:pskc"});
  }
  stack_.push_back(tag);
  if (tag >= Tag::kCertificate) text_.clear();
  if (Status s = Enter(tag, atts); !s) Stop(std::move(s).error());
}

void PskcReader::End() {
  Status s = Leave(stack_.back());
  stack_.pop_back();
  if (!s) Stop(std::move(s).error());
}

void PskcReader::Text(std::string_view s) {
  if (stack_.empty() || stack_.back() < Tag::kCertificate) return;
  if (text_.size() + s.size() > TextLimit(stack_.back())) {
    // What is too long is dropped, so that it cannot be taken for something shorter.
    text_ = "!";
    if (Status w = Wrong("seed.malformed", "a field that is too long"); !w) {
      Stop(std::move(w).error());
    }
    return;
  }
  text_ += s;
}

void XMLCALL PskcReader::OnStart(void* self, const XML_Char* name, const XML_Char** atts) {
  auto* r = static_cast<PskcReader*>(self);
  if (!r->stopped_) r->Start(name, atts);
}
void XMLCALL PskcReader::OnEnd(void* self, const XML_Char*) {
  auto* r = static_cast<PskcReader*>(self);
  if (!r->stopped_) r->End();
}
void XMLCALL PskcReader::OnText(void* self, const XML_Char* s, int n) {
  auto* r = static_cast<PskcReader*>(self);
  if (!r->stopped_) r->Text({s, static_cast<size_t>(n)});
}
void XMLCALL PskcReader::OnDoctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*,
                                   int) {
  static_cast<PskcReader*>(self)->Stop(
      Error{ErrorKind::kNegative, "seed.doctype", "the file has a document type declaration",
            "seed files need none; entities are a way to make a reader fetch or grow"});
}

Status PskcReader::ParserFailed(bool final) {
  if (stopped_) return std::unexpected(std::move(*stopped_));
  XML_Error e = XML_GetErrorCode(parser_);
  bool cut = final && (e == XML_ERROR_NO_ELEMENTS || e == XML_ERROR_UNCLOSED_TOKEN ||
                       e == XML_ERROR_PARTIAL_CHAR || e == XML_ERROR_UNCLOSED_CDATA_SECTION);
  if (cut) {
    return Refused("seed.truncated",
                   fmt::format("the file ends in the middle, after {} elements",
                               intake_.count() + intake_.refused()),
                   "get the whole file; take nothing from this one");
  }
  return Refused("seed.malformed",
                 fmt::format("line {}: {}", XML_GetCurrentLineNumber(parser_), XML_ErrorString(e)));
}

Status PskcReader::Run(Input& in) {
  std::unique_ptr<XML_ParserStruct, crypto::Deleter<XML_ParserFree>> own(
      XML_ParserCreateNS(nullptr, ' '));
  parser_ = own.get();
  if (parser_ == nullptr) return Internal("seed.memory", "no memory for a parser");
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(parser_, OnStart, OnEnd);
  XML_SetCharacterDataHandler(parser_, OnText);
  XML_SetStartDoctypeDeclHandler(parser_, OnDoctype);
  constexpr int kChunk = 64 * 1024;
  for (;;) {
    void* room = XML_GetBuffer(parser_, kChunk);
    if (room == nullptr) return Internal("seed.memory", "no memory for a parser");
    BM_TRY(size_t n, in.ReadAt(fed_, {static_cast<uint8_t*>(room), kChunk}));
    fed_ += n;
    if (XML_ParseBuffer(parser_, static_cast<int>(n), n == 0) != XML_STATUS_OK) {
      return ParserFailed(n == 0);
    }
    if (n == 0) break;
    // expat keeps an unfinished token whole: a comment without end must not fill the memory.
    XML_Index at = XML_GetCurrentByteIndex(parser_);
    if (at >= 0 && fed_ - static_cast<uint64_t>(at) > kMaxToken) {
      return Refused("seed.malformed", "a piece of XML markup of more than 256 KiB");
    }
  }
  summary_.protection = any_plain_ ? "none" : keys_.protection();
  summary_.recipient = keys_.recipient();
  return {};
}

}  // namespace

Status ReadPskc(Input& in, const ReadOptions& options, Intake& intake, Summary& summary) {
  return PskcReader(options, intake, summary).Run(in);
}

}  // namespace birthmark::seed
