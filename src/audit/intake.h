// SPDX-License-Identifier: Apache-2.0
// Finds the public keys in what suppliers and stations send: certificates, requests, public keys
// and bare moduli, in files, folders and lines of JSON. Strict per item and bounded; leaves out
// judging the keys. Not thread-safe.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::audit {

// SeenSignature is an ECDSA signature that came along with a key.
struct SeenSignature {
  Digest r{};            // SHA-256 of r: equality is all that is asked
  Digest signed_part{};  // SHA-256 of what was signed
  Digest signer{};       // tells signers apart: the key of a request, issuer and key id else
};

// Subject is one public key as it came.
struct Subject {
  std::string name;   // serial number, else common name; empty when nothing says whose key it is
  std::string place;  // "lot7/list.ndjson:12", "lot7/unit.pem#2"
  Bytes spki;         // DER; a bare modulus is given the exponent 65537
  std::optional<SeenSignature> signature;
};

// Unreadable is something that says it is a key and cannot be read as one.
struct Unreadable {
  std::string place;
  std::string why;
};

struct Intake {
  std::vector<Subject> subjects;
  std::vector<Unreadable> unreadable;
  std::vector<std::string> passed_over;  // "place: why" of the first kMaxPassedOver
  uint64_t passed_over_count = 0;
  uint64_t files = 0;
};

inline constexpr size_t kMaxPassedOver = 100;
inline constexpr size_t kMaxSubjects = 2'000'000;
inline constexpr size_t kMaxFiles = 1'000'000;
inline constexpr size_t kMaxFileBytes = size_t{1} << 30;
inline constexpr int kMaxDepth = 16;

// AddDer takes one certificate, request, SubjectPublicKeyInfo or RSAPublicKey. A name that is given
// goes before the one inside. Errors: audit.unreadable, audit.too-many.
Status AddDer(Intake& intake, ByteView der, std::string name, std::string place);

// AddFile takes the contents of a file: PEM, DER, lines of JSON or lines of moduli in hexadecimal.
// What is none of them is passed over and said. Errors: audit.too-many.
Status AddFile(Intake& intake, ByteView contents, const std::string& place);

// ReadPaths reads files, and folders with all below them. Symbolic links inside folders are passed
// over. A file that was named and holds no key is unreadable. Errors: audit.no-input,
// audit.too-many, file.missing, file.read, file.too-large.
Result<Intake> ReadPaths(std::span<const std::filesystem::path> paths);

}  // namespace birthmark::audit
