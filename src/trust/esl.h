// SPDX-License-Identifier: Apache-2.0
// EFI_SIGNATURE_LIST: the lists in UEFI's PK, KEK, db and dbx; bare, behind the header of an
// authenticated write, or as efivarfs shows them. Leaves out checking a write's PKCS #7 signature.
// Pure; thread-safe. Source: UEFI specification 2.10 sections 8.2.2 and 32.4.1.
#pragma once

#include <string_view>

#include "trust/store.h"

namespace birthmark::trust {

// LooksLikeSignatureLists is true when data begins with a signature list of a kind that we know and
// its lengths fit.
bool LooksLikeSignatureLists(ByteView data);

// ReadSignatureLists reads lists that follow each other up to the end of data. A variable named
// "dbx" refuses what is in it: its anchors are `rejected`. A list of an unknown kind is a finding.
// Errors: trust.esl-malformed (the first list's frame does not fit), trust.too-large.
// Findings: trust.esl-malformed, trust.esl-kind, trust.certificate-malformed, trust.key-malformed.
Result<Store> ReadSignatureLists(ByteView data, std::string_view variable = "");

// UnwrapAuthenticated gives what follows an EFI_VARIABLE_AUTHENTICATION_2 header, or data itself
// where there is none. Errors: trust.esl-malformed.
Result<ByteView> UnwrapAuthenticated(ByteView data);

// WriteSignatureLists writes a list for each anchor, because the sizes of certificates differ.
// `owner` is a GUID in text; an anchor's own wins.
// Errors: trust.cannot-carry, trust.esl-owner.
Result<Bytes> WriteSignatureLists(const std::vector<TrustAnchor>& anchors, std::string_view owner);

// WriteSha256Lists writes the digest of what is to be signed of each certificate
// (EFI_CERT_X509_SHA256), as dbx has it. Errors: trust.cannot-carry, trust.esl-owner.
Result<Bytes> WriteSha256Lists(const std::vector<TrustAnchor>& anchors, std::string_view owner);

// GuidText and GuidOctets convert a GUID between its 16 octets (the first three fields little
// endian) and "8-4-4-4-12".
std::string GuidText(ByteView octets);
std::optional<Bytes> GuidOctets(std::string_view text);

}  // namespace birthmark::trust
