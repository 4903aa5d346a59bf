// SPDX-License-Identifier: Apache-2.0
#include "audit/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "audit/document.h"
#include "base/files.h"
#include "crypto/der.h"
#include "crypto/pem.h"

namespace birthmark::audit {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxLine = 1 << 20;
constexpr size_t kMaxJsonArray = size_t{64} << 20;
constexpr int kMaxJsonDepth = 8;
// 512 bits: no shorter modulus was ever in use, and a digest is not taken for one.
constexpr size_t kLeastModulusDigits = 128;

std::string Printable(std::string text) {
  if (!IsUtf8(text)) return "hex:" + ToHex(AsBytes(text));
  std::ranges::replace_if(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, '?');
  return text;
}

void PassOver(Intake& intake, const std::string& place, std::string_view why) {
  if (intake.passed_over.size() < kMaxPassedOver) {
    intake.passed_over.push_back(fmt::format("{}: {}", place, why));
  }
  ++intake.passed_over_count;
}

// Put takes a document, or says that it cannot be read.
Status Put(Intake& intake, ByteView der, const std::string& name, const std::string& place) {
  Status s = AddDer(intake, der, name, place);
  if (s || s.error().code != "audit.unreadable") return s;
  intake.unreadable.push_back({place, s.error().message});
  return {};
}

std::string_view Trim(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t from = s.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return s.substr(from, s.find_last_not_of(kSpace) - from + 1);
}

// Lines calls back with each line and its number, from 1.
template <class F>
Status Lines(std::string_view text, F each) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    BM_CHECK(each(Trim(text.substr(0, end)), number));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return {};
}

Status AddPem(Intake& intake, std::string_view text, const std::string& name,
              const std::string& place) {
  auto blocks = crypto::ReadPem(text, kMaxSubjects);
  if (!blocks) {
    intake.unreadable.push_back({place, blocks.error().message});
    return {};
  }
  size_t number = 0;
  for (const crypto::PemBlock& b : *blocks) {
    ++number;
    const std::string here = blocks->size() == 1 ? place : fmt::format("{}#{}", place, number);
    if (b.label == "CERTIFICATE" || b.label == "X509 CERTIFICATE" ||
        b.label == "TRUSTED CERTIFICATE" || b.label == "CERTIFICATE REQUEST" ||
        b.label == "NEW CERTIFICATE REQUEST" || b.label == "PUBLIC KEY" ||
        b.label == "RSA PUBLIC KEY") {
      BM_CHECK(Put(intake, b.der, name, here));
    } else if (b.label.ends_with("PRIVATE KEY")) {
      PassOver(intake, here, "a private key; it was not looked at and should not be here");
    } else {
      PassOver(intake, here, fmt::format("a {} block", b.label));
    }
  }
  return {};
}

// ModulusIn gives the digits of a line as `openssl x509 -modulus` or a list has it.
std::optional<Bytes> ModulusIn(std::string_view line) {
  if (line.starts_with("Modulus=")) line.remove_prefix(8);
  if (line.starts_with("0x") || line.starts_with("0X")) line.remove_prefix(2);
  if (line.size() < kLeastModulusDigits || line.size() > kMaxLine) return std::nullopt;
  return FromHex(line.size() % 2 == 0 ? std::string(line) : "0" + std::string(line));
}

bool IsRemark(std::string_view line) { return line.empty() || line[0] == '#'; }

bool BeginsWithModulus(std::string_view text) {
  bool yes = false;
  // The first line that says something decides; the error only ends the walk.
  (void)Lines(text, [&](std::string_view line, size_t) -> Status {
    if (IsRemark(line)) return {};
    yes = ModulusIn(line).has_value();
    return Refused("", "");
  });
  return yes;
}

Status AddModuli(Intake& intake, std::string_view text, const std::string& place) {
  static constexpr uint8_t kF4[] = {1, 0, 1};
  return Lines(text, [&](std::string_view line, size_t number) -> Status {
    if (IsRemark(line)) return {};
    const std::string here = fmt::format("{}:{}", place, number);
    auto modulus = ModulusIn(line);
    if (!modulus) {
      intake.unreadable.push_back({here, "no RSA modulus in hexadecimal"});
      return {};
    }
    return Put(intake, RsaSpki(*modulus, kF4), "", here);
  });
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return text;
}

// NameIn gives what an object says it is about.
std::string NameIn(const Json& object) {
  static constexpr std::string_view kNames[] = {"serialnumber", "serial", "unit",
                                                "uniqueid",     "name",   "id"};
  for (std::string_view wanted : kNames) {
    for (const auto& [member, value] : object.items()) {
      if (value.is_string() && Lower(member) == wanted) {
        const auto& text = value.get_ref<const std::string&>();
        if (!text.empty() && text.size() <= kMaxName) return Printable(text);
      }
    }
  }
  return "";
}

Status AddString(Intake& intake, const std::string& text, const std::string& name,
                 const std::string& place) {
  if (text.starts_with("-----BEGIN ")) return AddPem(intake, text, name, place);
  if (text.size() < 40 || text[0] != 'M') return {};  // base64 of a SEQUENCE
  auto der = FromBase64(text);
  // Two INTEGERs in a SEQUENCE are an ECDSA signature here rather than an RSA key.
  if (!der || LooksLike(*der) == DocumentKind::kNone || LooksLike(*der) == DocumentKind::kRsa)
    return {};
  return Put(intake, *der, name, place);
}

Status AddValue(Intake& intake, const Json& value, const std::string& name,
                const std::string& place, int depth) {
  if (depth == 0) return {};
  if (value.is_string()) return AddString(intake, value.get_ref<const std::string&>(), name, place);
  if (!value.is_structured()) return {};
  for (const Json& v : value) BM_CHECK(AddValue(intake, v, name, place, depth - 1));
  return {};
}

Status AddObject(Intake& intake, const Json& object, const std::string& place) {
  if (!object.is_object()) {
    intake.unreadable.push_back({place, "no JSON object"});
    return {};
  }
  const size_t before = intake.subjects.size() + intake.unreadable.size();
  BM_CHECK(AddValue(intake, object, NameIn(object), place, kMaxJsonDepth));
  if (intake.subjects.size() + intake.unreadable.size() == before) {
    intake.unreadable.push_back({place, "no certificate, request or public key in this object"});
  }
  return {};
}

Status AddJsonLines(Intake& intake, std::string_view text, const std::string& place) {
  return Lines(text, [&](std::string_view line, size_t number) -> Status {
    if (line.empty()) return {};
    const std::string here = fmt::format("{}:{}", place, number);
    if (line.size() > kMaxLine) {
      intake.unreadable.push_back({here, fmt::format("a line of more than {} octets", kMaxLine)});
      return {};
    }
    const Json object = Json::parse(line, nullptr, false);
    if (!object.is_discarded()) return AddObject(intake, object, here);
    intake.unreadable.push_back({here, "not JSON; one object a line is due"});
    return {};
  });
}

Status AddJsonArray(Intake& intake, std::string_view text, const std::string& place) {
  const Json array = text.size() <= kMaxJsonArray ? Json::parse(text, nullptr, false) : Json();
  if (!array.is_array()) {
    intake.unreadable.push_back(
        {place, "no JSON array of at most 64 MiB; give one object a line instead"});
    return {};
  }
  for (size_t i = 0; i < array.size(); ++i) {
    BM_CHECK(AddObject(intake, array[i], fmt::format("{}#{}", place, i + 1)));
  }
  return {};
}

// SaysItIsOne looks at the file's name for those whose contents are in no form known here.
bool SaysItIsOne(const std::string& place) {
  static constexpr std::string_view kEndings[] = {".der", ".cer", ".crt", ".pem",   ".csr",
                                                  ".p10", ".pub", ".req", ".ndjson"};
  const std::string lower = Lower(place);
  return std::ranges::any_of(kEndings, [&](std::string_view e) { return lower.ends_with(e); });
}

struct File {
  fs::path path;
  bool named = false;
};

Status Walk(const fs::path& folder, Intake& intake, std::vector<File>& files) {
  std::error_code ec;
  fs::recursive_directory_iterator it(folder, ec);
  for (; !ec && it != fs::recursive_directory_iterator(); it.increment(ec)) {
    const fs::path& path = it->path();
    if (it->is_symlink(ec)) {
      PassOver(intake, Printable(path.generic_string()), "a symbolic link");
    } else if (it->is_regular_file(ec)) {
      files.push_back({path, false});
    } else if (it->is_directory(ec) && it.depth() >= kMaxDepth) {
      return Refused("audit.too-many",
                     fmt::format("{}: folders nested more than {} deep",
                                 Printable(path.generic_string()), kMaxDepth),
                     "name the folder below");
    } else if (!it->is_directory(ec)) {
      PassOver(intake, Printable(path.generic_string()), "neither a file nor a folder");
    }
    if (files.size() > kMaxFiles) {
      return Refused("audit.too-many", fmt::format("more than {} files", kMaxFiles),
                     "audit them in parts, with one --state");
    }
  }
  if (ec) return std::unexpected(FromErrno("file.read", folder.string(), ec.value()));
  return {};
}

}  // namespace

Status AddDer(Intake& intake, ByteView data, std::string name, std::string place) {
  if (intake.subjects.size() >= kMaxSubjects) {
    return Refused("audit.too-many", fmt::format("more than {} keys", kMaxSubjects),
                   "audit them in parts, with one --state");
  }
  BM_TRY(Document d, ReadDocument(data));
  if (name.empty()) name = std::move(d.name);
  intake.subjects.push_back(
      {std::move(name), std::move(place), std::move(d.spki), std::move(d.signature)});
  return {};
}

Status AddFile(Intake& intake, ByteView contents, const std::string& place) {
  ++intake.files;
  if (LooksLike(contents) != DocumentKind::kNone) return Put(intake, contents, "", place);
  const std::string_view text = AsText(contents);
  const std::string_view start = Trim(text.substr(0, 4096));
  if (start.starts_with("{")) return AddJsonLines(intake, text, place);
  if (start.starts_with("[")) return AddJsonArray(intake, text, place);
  if (text.find("-----BEGIN ") != std::string_view::npos) return AddPem(intake, text, "", place);
  if (BeginsWithModulus(text)) return AddModuli(intake, text, place);
  if (SaysItIsOne(place)) {
    intake.unreadable.push_back({place, "neither DER, PEM, JSON nor moduli in hexadecimal"});
  } else {
    PassOver(intake, place, "no form that holds public keys");
  }
  return {};
}

Result<Intake> ReadPaths(std::span<const fs::path> paths) {
  Intake intake;
  std::vector<File> files;
  for (const fs::path& p : paths) {
    std::error_code ec;
    if (fs::is_directory(p, ec)) {
      BM_CHECK(Walk(p, intake, files));
    } else {
      files.push_back({p, true});
    }
  }
  std::ranges::stable_sort(files, {}, &File::path);
  std::set<fs::path> seen;
  for (const File& f : files) {
    std::error_code ec;
    const fs::path canonical = fs::canonical(f.path, ec);
    if (!ec && !seen.insert(canonical).second) continue;
    BM_TRY(Bytes contents, ReadFile(f.path, kMaxFileBytes));
    const std::string place = Printable(f.path.lexically_normal().generic_string());
    const size_t before = intake.subjects.size() + intake.unreadable.size();
    BM_CHECK(AddFile(intake, contents, place));
    if (f.named && intake.subjects.size() + intake.unreadable.size() == before) {
      intake.unreadable.push_back({place, "this file was named and holds no public key"});
    }
  }
  if (files.empty()) {
    return Usage("audit.no-input", "there is no file to look at",
                 "name files with certificates, requests or public keys, or folders of them");
  }
  return intake;
}

}  // namespace birthmark::audit
