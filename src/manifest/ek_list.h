// SPDX-License-Identifier: Apache-2.0
// Lists of TPM endorsement keys: a CSV of ours (tpm_serial,ek_alg,ek_name_sha256,ek_cert_der_b64,
// ek_chain_url,reel,received_at), or a folder of certificates in DER. Nobody signs such a list:
// what counts is that each certificate leads to a pinned root. A part's identifier is the SHA-256
// of its endorsement key, since makers' serial numbers clash. Nothing is fetched from a URL. Not
// thread-safe. Source: docs/formats/manifest.md.
#pragma once

#include <filesystem>
#include <memory>

#include "manifest/chain.h"
#include "manifest/part.h"

namespace birthmark::manifest {

inline constexpr std::string_view kEkHeader =
    "tpm_serial,ek_alg,ek_name_sha256,ek_cert_der_b64,ek_chain_url,reel,received_at";

// EkCsv reads the CSV. A row's own errors: manifest.ek-row, manifest.chain, manifest.customer; of
// Next: manifest.ek-list (no such header, a row without end).
std::unique_ptr<PartReader> EkCsv(Source source, ChainChecker chain, std::string reel);

// EkFolder reads every *.der and *.crt of a folder, in the order of their names.
// Errors: manifest.ek-list.
Result<std::unique_ptr<PartReader>> EkFolder(const std::filesystem::path& folder,
                                             ChainChecker chain, std::string reel);

}  // namespace birthmark::manifest
