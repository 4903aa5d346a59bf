// SPDX-License-Identifier: Apache-2.0
#include "disclose/explain.h"

#include <algorithm>
#include <array>

namespace birthmark::disclose {
namespace {

struct Explanation {
  std::string_view code, text;
};

// clang-format off: a row a code.
constexpr std::array kAll = {
    Explanation{"compare.count", "Columns are products; more than five, one for each method, cannot be read side by side in 80 columns or on A4."},
    Explanation{"disclosure.answer-twice", "One question about one subject has one answer with a declared and a measured half. Two answers leave a reader to choose."},
    Explanation{"disclosure.basis", "What is not declared is measured (anyone can recompute it) or attested (computed inside a sealed ceremony). There is no third word."},
    Explanation{"disclosure.chain", "The signer's certificate comes first, then its issuers, then the anchor: one to eight certificates."},
    Explanation{"disclosure.checkpoint", "The checkpoint is the signed note that the evidence ends at. One that cannot be read binds nothing."},
    Explanation{"disclosure.continent", "Continents are AF, AN, AS, EU, NA, OC and SA, as identity-shared-split-continents counts them."},
    Explanation{"disclosure.differs", "The mark must follow from the two values by the question's own rule: showing a difference is the point, hiding one is not."},
    Explanation{"disclosure.drawing", "An answer and the drawing of the same thing come from one source, so they cannot disagree."},
    Explanation{"disclosure.evidence", "Measured answers all come from the log as it stood at the checkpoint; other evidence cannot be recomputed from the bundle."},
    Explanation{"disclosure.evidence-missing", "A measured answer names the log, its size and its root. Without them it is only declared."},
    Explanation{"disclosure.format", "The payload says in which format it is written. A later one needs a later reader."},
    Explanation{"disclosure.header", "The protected header repeats issuer, subject and time so that a transparency log can file the statement unopened. It has to say what the payload says."},
    Explanation{"disclosure.id-twice", "An id names one thing, or references to it mean nothing."},
    Explanation{"disclosure.mark", "A production disclosure carries no mark of a rehearsal."},
    Explanation{"disclosure.method", "A method fixes where a key is born and which transfers it has (draft 1.1, 4.1.1)."},
    Explanation{"disclosure.method-missing", "A measured answer names the method and its version, so that anyone can run it again."},
    Explanation{"disclosure.newer", "The file was written in a later format. What this program knows is shown; get a newer one to see the rest."},
    Explanation{"disclosure.period", "A period begins before it ends, and ends before the disclosure is issued."},
    Explanation{"disclosure.pki-levels", "Levels are counted from the anchor, which is 1, without a gap (draft 5.1)."},
    Explanation{"disclosure.product", "A disclosure speaks of one product, by its id."},
    Explanation{"disclosure.question", "The revision of the taxonomy that the disclosure names has no such question or aspect."},
    Explanation{"disclosure.reference", "Something names a store, stage, anchor or PKI that the disclosure does not describe."},
    Explanation{"disclosure.rehearsal-unmarked", "A rehearsal says so in the file and in every rendering, and a rehearsal's signer signs nothing else."},
    Explanation{"disclosure.split-impossible", "If c continents recover alone from one set of shares there are at least c times k of them. The published spare shares are too few for any k of two or more. Other models (a set a continent, copies) can explain it; a stated single set cannot."},
    Explanation{"disclosure.split-model", "The models are single-set, set-per-continent, copies and threshold."},
    Explanation{"disclosure.split-range", "Spare shares are a whole number from 0, continents from 0 to 7."},
    Explanation{"disclosure.state", "An answer is answered, withheld, not-applicable or not-answered."},
    Explanation{"disclosure.store-internal", "Whether a store is inside the CPU package follows from its kind (draft 6.1)."},
    Explanation{"disclosure.too-large", "A disclosure has at most 16 MiB; a reader looks at no more."},
    Explanation{"disclosure.type", "The file is signed, and is something else: an evidence bundle, a voucher, a token."},
    Explanation{"disclosure.unknown-field", "A field that the format does not have would be signed and not shown. It is refused at any depth."},
    Explanation{"disclosure.value-missing", "An answered question has a declared or a measured value."},
    Explanation{"disclosure.value-unasked", "A question that is withheld, not applicable or not answered has no value."},
    Explanation{"disclosure.why-missing", "Withheld and not-applicable always say why."},
    Explanation{"leak.model", "The split model is kept private and is not a single set, but these numbers tell readers that it cannot be one. Stating the model, or withholding a number, spares the question."},
    Explanation{"leak.narrow", "Spare shares and continents, taken with everything published before and under the same root, leave fewer than three thresholds of two or more. Which it is would be guessed or known."},
    Explanation{"leak.narrowed", "With two or more continents, spare shares bound the threshold. Enough ways remain, and a reader still learns something."},
    Explanation{"leak.not-a-number", "The guard can judge whole numbers only; a text might say anything."},
    Explanation{"leak.range", "No split has these numbers. A negative number of spare shares is a lost key: an alarm inside, never an answer."},
    Explanation{"recompute.other-log", "The bundle and the checkpoint inside the disclosure are not of the same log."},
    Explanation{"verify.fingerprint", "A shortened fingerprint can be met by a key made for the purpose. All 64 digits are compared or none."},
    Explanation{"verify.revocation", "Whether the signer's certificate was revoked later is not in the file. A revocation list of its issuer would say."},
    Explanation{"verify.twice", "One thing is trusted at a time: a certificate, or a fingerprint of one in the file."},
};
// clang-format on
static_assert(std::ranges::is_sorted(kAll, {}, &Explanation::code));

}  // namespace

std::string_view ExplainCode(std::string_view code) {
  auto it = std::ranges::lower_bound(kAll, code, {}, &Explanation::code);
  return it != kAll.end() && it->code == code ? it->text : std::string_view();
}

}  // namespace birthmark::disclose
