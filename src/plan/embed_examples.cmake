# SPDX-License-Identifier: Apache-2.0
# Writes OUT: the plan.toml of each of NAMES (a comma list) under DIR as raw strings.
string(REPLACE "," ";" names "${NAMES}")
set(text "// Generated from examples/ by embed_examples.cmake.\n#include \"plan/examples.h\"\n\n")
string(APPEND text "namespace birthmark::plan {\nnamespace {\nconstexpr Example kExamples[] = {\n")
foreach(name ${names})
  file(READ ${DIR}/${name}/plan.toml content)
  # A raw string may hold 64 KiB everywhere; the examples are far below.
  string(APPEND text "    {\"${name}\", R\"plan(${content})plan\"},\n")
endforeach()
string(APPEND text "};\n}  // namespace\n\n")
string(APPEND text "std::span<const Example> Examples() { return kExamples; }\n\n}  // namespace birthmark::plan\n")
file(WRITE ${OUT} "${text}")
