/** CEL, the Common Expression Language, with the libraries of Kubernetes. Read it through lazy.ts. */
export { createEnvironment, type Environment } from './environment.ts';
export { Budget, compileExpression, EvaluationFailure, MATCH_CONDITIONS_BUDGET, messageOf, PER_CALL_LIMIT, RUNTIME_BUDGET, type Program } from './program.ts';
export { ruleErrorsOf } from './check-rules.ts';
export { evaluateRules } from './rules.ts';
export { toCel, untypedToCel, fromCel } from './value.ts';
export { Authorizer, LazyVariables, registerAdmission, type AccessQuestion, type Ask } from './library/authorizer.ts';
export { withoutLiterals, withOptionalFields, type Outermost } from './literals.ts';
export { registerJsonPatch } from './library/json-patch.ts';
export { typeChecker } from './declarations.ts';
export { checkExpression, showIssues, type Scope } from './checker/check.ts';
export { PATCH_OVERLOADS } from './checker/overloads.ts';
export { declaredName, DYN, objectOf, type Type } from './checker/type.ts';
export { REQUEST_VARIABLES } from './request-types.ts';
