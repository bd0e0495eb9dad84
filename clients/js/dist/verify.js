var A=new TextEncoder;function R(e){return A.encode(e)}function y(e){return btoa(String.fromCharCode(...e))}function P(e){
let t=[];for(;e>=128;e=Math.floor(e/128))t.push(e&127|128);return[...t,e]}function d(...e){return h(e.flatMap(t=>{let n=typeof t==
"string"?R(t):t;return[Uint8Array.from(P(n.length)),n]}))}function h(e){let t=new Uint8Array(e.reduce((s,r)=>s+r.length,
0)),n=0;for(let s of e)t.set(s,n),n+=s.length;return t}async function m(e){return new Uint8Array(await crypto.subtle.digest(
"SHA-256",e))}var M="v1";function b(e){let t=new Uint8Array(8);return new DataView(t.buffer).setBigUint64(0,BigInt(e.timestampMs)),h([
d("galaxy-request-v1",M,e.deviceSessionId,e.messageType),t,d(e.requestId,e.payloadHash)])}function C(e,t,n){return d("au\
thsession-confirm-v1",e,t,n)}var q=/[\s\p{Pd}\u2212\u30fc\uff70\u00ad\u200b-\u200d\u2060\ufeff\u0085\u001c-\u001f]/gu,K=/^@[^\s@#]+ #([0-9]{6})$/;function $(e){
if(e.length>128)return;let t=e.replace(/[\uff01-\uff5e]/g,s=>String.fromCharCode(s.charCodeAt(0)-65248)).trim(),n=K.exec(
t)?.[1]??t.replace(q,"");return/^([0-9]{6})\1?$/.exec(n)?.[1]}var o=class extends Error{constructor(n){super(n);this.reason=n}reason;name="NotTrusted"};async function S(e,t,n){try{let s=await crypto.
subtle.importKey("raw",e,"Ed25519",!1,["verify"]);return await crypto.subtle.verify("Ed25519",s,t,n)}catch{return!1}}function c(e,t){
if(typeof e=="string")try{let n=Uint8Array.from(atob(e),s=>s.charCodeAt(0));return y(n)===e&&(t===void 0||n.length===t)?
n:void 0}catch{return}}async function W(e,t){let{deviceSessionId:n,requestId:s,timestampMs:r,payloadHash:a,signature:i}=F(
e.headers),u=await x(t,n);if(y(await m(e.body))!==y(a))throw new o("payload_hash_mismatch");let p=`${e.method} ${e.target.
replace(/^([^?]*)\?$/,"$1")}`,l=b({deviceSessionId:n,messageType:p,timestampMs:r,requestId:s,payloadHash:a});if(u===void 0||
!await S(u,i,l))throw new o("invalid_signature");let w=(t.now??Date.now)();if(Math.abs(w-Number(r))>(t.windowMs??3e4))throw new o(
"timestamp_out_of_window");if(!await t.take(n,s))throw new o("request_replayed");return await x(t,n),{deviceSessionId:n}}
async function x(e,t){let n=await e.find(t);switch(n.status){case"active":return c(n.clientPublicKey,32);case"unavailabl\
e":throw new o("sessions_unavailable");default:throw new o(`session_${n.status}`)}}function F(e){let t=new Map;for(let[r,
a]of e){let i=r.toLowerCase();t.set(i,t.has(i)?"":a)}let n=(r,a)=>{let i=t.get(`galaxy-${r}`);if(i===void 0||!a.test(i))
throw new o("invalid_envelope");return i},s=(r,a)=>{let i=c(t.get(`galaxy-${r}`),a);if(i===void 0)throw new o("invalid_e\
nvelope");return i};if(t.get("galaxy-protocol-version")!=="v1")throw new o("unsupported_protocol_version");return{deviceSessionId:n(
"device-session-id",/^[A-Za-z0-9_-]{1,128}$/),timestampMs:BigInt(n("timestamp-ms",/^(0|[1-9][0-9]{0,15})$/)),requestId:n(
"request-id",/^[!-~]{1,128}$/),payloadHash:s("payload-hash",32),signature:s("signature",64)}}async function Z(e,t,n){let s=await _(
e,"authsession-statement-v1",t,"untrusted_statement"),r=I(s),a=B(r),i=r.digest??null;if(a[0]===0&&a[1]===0?i!==null:!k(i))
throw new o("malformed_answer");if(r.node_id!==n.nodeId)throw new o("another_node");if(r.request_id!==n.requestId)throw new o(
"not_fresh");if(r.pool!==n.pool)throw new o("another_pool");return{position:a,digest:i}}async function z(e,t,n){let s="a\
uthsession-manifest-v1",r=await _(e,s,t,"untrusted_manifest"),a=I(r),i=E(a);if(await _(e,s,i.configKeys,"untrusted_manif\
est"),i.pool!==n.pool)throw new o("another_pool");if(!(i.position[0]===n.position[0]&&i.position[1]===n.position[1])||N(
await m(r))!==n.digest)throw new o("another_manifest");if(a.compatibility>1)throw new o("incompatible");if(Date.parse(i.
expiresAt)<=(n.now??Date.now()))throw new o("expired");return i}async function _(e,t,n,s){let r=c(e.bytes);if(r===void 0)
throw new o("malformed_answer");let a=d(t,r);for(let{key_id:i,signature:u}of e.signatures.slice(0,8)){let p=c(n.find(w=>w.
key_id===i)?.public_key,32),l=c(u,64);if(p!==void 0&&l!==void 0&&await S(p,l,a))return r}throw new o(s)}var U={key_id:g,
public_key:e=>c(e,32)!==void 0},T={kind:g,name:g,version:f,digest:k,bytes:f};function E(e){let{format:t,pool:n,compatibility:s,
expires_at:r}=e;if(!(t===1&&f(s)&&typeof n=="string"&&typeof r=="string")||!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(r)||
Number.isNaN(Date.parse(r)))throw new o("malformed_answer");return{pool:n,position:B(e),expiresAt:r,configKeys:v(e,"conf\
ig_keys",U),documents:v(e,"documents",T),secrets:v(e,"secrets",{secret_id:g,version:f,for:g})}}function I(e){try{let t=JSON.
parse(new TextDecoder("utf-8",{fatal:!0,ignoreBOM:!0}).decode(e));if(typeof t=="object"&&t!==null&&!Array.isArray(t))return t}catch{}
throw new o("malformed_answer")}function v(e,t,n){let s=e[t],r=a=>typeof a=="object"&&a!==null&&Object.entries(n).every(
([i,u])=>u(a[i]));if(!Array.isArray(s)||s.length>256||!s.every(r))throw new o("malformed_answer");return s}function B({epoch:e,
sequence:t}){if(!f(e)||!f(t))throw new o("malformed_answer");return[e,t]}function g(e){return typeof e=="string"}function f(e){
return Number.isSafeInteger(e)&&e>=0}function k(e){return typeof e=="string"&&/^[0-9a-f]{64}$/.test(e)}function N(e){return Array.
from(e,t=>t.toString(16).padStart(2,"0")).join("")}export{o as NotTrusted,c as bytesOf,S as isSignedBy,C as proofBytes,$ as readCode,b as signedBytes,z as verifyManifest,W as verifyRequest,
Z as verifyStatement};
