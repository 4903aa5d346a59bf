// SPDX-License-Identifier: Apache-2.0
// For this room's tests: certificates, archives and programs made by hand. Tests only.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"

namespace birthmark::scan::test {

// Identity is a self-signed certificate and its private key, both DER.
struct Identity {
  Bytes certificate, key;
  std::string pem() const { return crypto::WritePem("CERTIFICATE", certificate); }
};

inline Identity MakeIdentity(const std::string& name, const char* until = "20400101000000Z") {
  const crypto::EvpKeyPtr key(EVP_EC_gen("P-256"));
  const crypto::X509Ptr x(X509_new());
  X509_set_version(x.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 7);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x.get()), "20100101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x.get()), until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
  X509_set_pubkey(x.get(), key.get());
  X509_EXTENSION* ca = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "CA:TRUE");
  X509_add_ext(x.get(), ca, -1);
  X509_EXTENSION_free(ca);
  X509_sign(x.get(), key.get(), EVP_sha256());
  Identity out;
  uint8_t* p = nullptr;
  int n = i2d_X509(x.get(), &p);
  out.certificate.assign(p, p + n);
  OPENSSL_free(p);
  p = nullptr;
  n = i2d_PrivateKey(key.get(), &p);
  out.key.assign(p, p + n);
  OPENSSL_free(p);
  return out;
}

using Files = std::vector<std::pair<std::string, Bytes>>;

// MakeCpio is one archive of the newc form, mode 100644, owner root.
inline Bytes MakeCpio(const Files& files) {
  Bytes out;
  auto add = [&](const std::string& name, ByteView data, unsigned mode) {
    const std::string header = fmt::format(
        "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 1,
        mode, 0, 0, 1, 0, data.size(), 0, 0, 0, 0, name.size() + 1, 0);
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), name.begin(), name.end());
    out.push_back(0);
    while (out.size() % 4 != 0) out.push_back(0);
    out.insert(out.end(), data.begin(), data.end());
    while (out.size() % 4 != 0) out.push_back(0);
  };
  for (const auto& [name, data] : files) add(name, data, 0100644);
  add("TRAILER!!!", {}, 0);
  return out;
}

enum class Pack { kTar, kPax, kZip, kGzip };

// MakeArchive is libarchive's: a tar, a zip, or the first file compressed.
inline Bytes MakeArchive(Pack pack, const Files& files) {
  size_t room = 1 << 20;
  for (const auto& [name, data] : files) room += data.size() + 3 * name.size() + 4096;
  Bytes out(room);
  size_t used = 0;
  archive* a = archive_write_new();
  if (pack == Pack::kTar) archive_write_set_format_ustar(a);
  if (pack == Pack::kPax) archive_write_set_format_pax(a);
  if (pack == Pack::kZip) archive_write_set_format_zip(a);
  if (pack == Pack::kGzip) {
    archive_write_set_format_raw(a);
    archive_write_add_filter_gzip(a);
  }
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (const auto& [name, data] : files) {
    archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, name.c_str());
    archive_entry_set_size(e, static_cast<la_int64_t>(data.size()));
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_write_header(a, e);
    archive_write_data(a, data.data(), data.size());
    archive_entry_free(e);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}

inline void PutLittle(Bytes& b, size_t at, uint32_t value, size_t size = 4) {
  for (size_t i = 0; i < size; ++i) b[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

// MakeShim is a program with a .vendor_cert that holds this certificate, and a signature table.
inline Bytes MakeShim(ByteView certificate, ByteView signature) {
  const auto size = static_cast<uint32_t>(certificate.size());
  const auto signed_size = static_cast<uint32_t>(signature.size());
  const uint32_t section = 0x400, table = section + 16 + size;
  Bytes out(table + signed_size);
  out[0] = 'M';
  out[1] = 'Z';
  PutLittle(out, 0x3c, 0x80);
  PutLittle(out, 0x80, 0x4550);
  PutLittle(out, 0x80 + 6, 1, 2);           // sections
  PutLittle(out, 0x80 + 20, 112 + 128, 2);  // optional header
  const size_t optional = 0x80 + 24;
  PutLittle(out, optional, 0x20b, 2);
  PutLittle(out, optional + 108, 16);  // directories
  PutLittle(out, optional + 112 + 32, signed_size == 0 ? 0 : table);
  PutLittle(out, optional + 112 + 36, signed_size);
  const size_t row = optional + 240;
  const std::string_view name = ".vendor_";
  std::copy(name.begin(), name.end(), out.begin() + static_cast<ptrdiff_t>(row));
  PutLittle(out, row + 8, 16 + size);
  PutLittle(out, row + 16, 16 + size);
  PutLittle(out, row + 20, section);
  PutLittle(out, section, size);
  PutLittle(out, section + 8, 16);
  std::copy(certificate.begin(), certificate.end(), out.begin() + section + 16);
  std::copy(signature.begin(), signature.end(), out.begin() + table);
  return out;
}

}  // namespace birthmark::scan::test
