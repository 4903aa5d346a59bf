// SPDX-License-Identifier: Apache-2.0
// A bill of ours against CycloneDX's own schema. Usage: node cyclonedx.mjs BILL FOLDER-OF-SCHEMAS
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const [bill, folder] = process.argv.slice(2);
const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
addFormats(ajv);
// Formats of the schema that ajv-formats does not have; the bill has no value of them.
for (const format of ["idn-email", "iri-reference"]) ajv.addFormat(format, true);
for (const name of ["spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"]) ajv.addSchema(read(name), name);
const validate = ajv.compile(read("bom-1.7.schema.json"));
if (!validate(JSON.parse(readFileSync(bill, "utf8")))) {
  console.error(validate.errors.slice(0, 10));
  process.exit(1);
}
console.log("valid CycloneDX 1.7");
