// SPDX-License-Identifier: Apache-2.0
// Artifacts of every kind, files of anchors, requests to an offline anchor: whatever is opened is
// judged without harm, and an update manifest that reads is written again as it was.
#include <algorithm>

#include "artifact/lock.h"
#include "artifact/open.h"
#include "artifact/suit.h"
#include "fuzz/fuzz.h"
#include "offline/artifact_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  const auto trusted = artifact::ReadTrusted(in, "fuzz");
  if (auto opened = artifact::OpenOctets(in)) {
    artifact::Lock lock;
    lock.levels = {2};
    lock.name_constraints = {"dns:acme.example", "dn:O=Acme"};
    if (!opened->opened.chain.empty() && opened->opened.chain.back().public_key()) {
      const std::vector<artifact::Trusted> anchors = {
          {*opened->opened.chain.back().public_key(), opened->opened.chain.back()}};
      auto verdict =
          artifact::Judge(opened->opened, anchors, lock, *ParseTime("2026-11-22T00:00:00Z"));
      FUZZ_CHECK(!verdict || verdict->level > 0 || !verdict->refused.empty());
    }
  }
  if (auto update = artifact::OpenUpdate(in)) {
    const Bytes again = artifact::EncodeUpdate(update->manifest);
    FUZZ_CHECK(std::search(in.begin(), in.end(), again.begin(), again.end()) != in.end());
  }
  if (auto request = offline::ReadArtifactRequest(AsText(in))) {
    const auto again =
        offline::ReadArtifactRequest(*offline::WriteArtifactRequest(*request, nullptr));
    FUZZ_CHECK(again && again->message == request->message);
  }
  return 0;
}
