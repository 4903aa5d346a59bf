// SPDX-License-Identifier: Apache-2.0
// Values of answers: how they are coarsened, how a plan's declared value becomes one, when two of
// them differ, and the texts people read. The shapes are vocab's (vocab/rules.h), written down in
// docs/formats/answers.md. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "answer/answer.h"
#include "plan/plan.h"
#include "vocab/vocab.h"

namespace birthmark::answer {

// Bucket is the smallest power of ten that is not less: "<= 100"; "0" for none.
std::string Bucket(uint64_t n);
// Few is the number itself up to ten and its bucket above: for counts of exceptions.
std::string Few(uint64_t n);
// RoundDistance keeps one significant digit.
int64_t RoundDistance(double km);
// BucketDuration is the upper end of the bucket a time falls into, as ISO 8601.
std::string BucketDuration(int64_t ms);

// Canonical orders map members as their encoding does, so that equal values are equal and read
// alike.
cbor::Value Canonical(const cbor::Value& v);
// Set makes a sorted array of distinct texts: the form of kNames.
cbor::Value Set(std::vector<std::string> names);

// TypeOf is the shape of a question's or aspect's value; nullopt for an unknown name.
std::optional<vocab::ValueType> TypeOf(std::string_view question);
// FromDeclared gives the value a plan states, in the same form a measured one has.
cbor::Value FromDeclared(const plan::DeclaredValue& v);
// Differ is the question's own rule for a declared and a measured value.
bool Differ(std::string_view question, const cbor::Value& declared, const cbor::Value& measured);

// Describe is a value in a terminal cell; DescribeLong in a sentence, every member named.
std::string Describe(std::string_view question, const cbor::Value& v);
std::string DescribeLong(std::string_view question, const cbor::Value& v);

}  // namespace birthmark::answer
