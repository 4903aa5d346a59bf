// SPDX-License-Identifier: Apache-2.0
// Recognises an artifact by its first octets and opens it. Nothing is believed here; lock.h judges.
// Uses the file system. Thread-safe.
#pragma once

#include <optional>

#include "artifact/artifact.h"
#include "artifact/cms.h"

namespace birthmark::artifact {

// OpenedFile is an artifact's file; `cms` where its content is in another one.
struct OpenedFile {
  Opened opened;
  std::optional<OpenedCms> cms;
};
// OpenFile reads an artifact. A certificate of a TLS server is one, too: its key is the signer.
// Errors: artifact.kind (nothing that is known), file.too-large, those of the formats.
Result<OpenedFile> OpenFile(const fs::path& file);
// OpenOctets is the same of octets: what a fuzzer calls.
Result<OpenedFile> OpenOctets(ByteView file);
// CheckContent compares a file with what was signed. Errors: artifact.content, those of ContentOf.
Status CheckContent(const OpenedFile& artifact, const fs::path& content);

}  // namespace birthmark::artifact
