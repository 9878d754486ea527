// Checks resources of the Prometheus Operator, a JSON list on standard input, against the operator's own schema.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as kinds from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const module = createRequire(import.meta.url).resolve("@kubernetes-models/prometheus-operator/package.json");

// The schema lets unknown fields pass; the declarations of types know all of them.
function onlyKnown(type, object) {
  const declared = readFileSync(module.replace("package.json", `monitoring.coreos.com/v1/${type}.d.ts`), "utf8");
  const unknown = Object.keys(object).filter((name) => !declared.includes(`"${name}":`) && !declared.includes(`"${name}"?:`));
  if (unknown.length) throw new Error(`a ${type} has no ${unknown}`);
}

for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const Kind = kinds[resource.kind];
  if (!Kind) throw new Error(`no schema for ${resource.apiVersion} ${resource.kind}`);
  new Kind(resource).validate();
  onlyKnown(`${resource.kind}Spec`, resource.spec);
  for (const endpoint of resource.spec.endpoints ?? []) onlyKnown("Endpoint", endpoint);
  for (const group of resource.spec.groups ?? []) {
    onlyKnown("RuleGroup", group);
    for (const rule of group.rules) onlyKnown("Rule", rule);
  }
}
