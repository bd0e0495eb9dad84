var A=new TextEncoder;function B(n){return A.encode(n)}function u(n){return btoa(String.fromCharCode(...n))}function U(n){
let e=[];for(;n>=128;n=Math.floor(n/128))e.push(n&127|128);return[...e,n]}function f(...n){return h(n.flatMap(e=>{let t=typeof e==
"string"?B(e):e;return[Uint8Array.from(U(t.length)),t]}))}function h(n){let e=new Uint8Array(n.reduce((s,o)=>s+o.length,
0)),t=0;for(let s of n)e.set(s,t),t+=s.length;return e}async function m(n){return new Uint8Array(await crypto.subtle.digest(
"SHA-256",n))}var T=/[\s\p{Pd}\u2212\u30fc\uff70\u00ad\u200b-\u200d\u2060\ufeff\u0085\u001c-\u001f]/gu,C=/^@[^\s@#]+ #([0-9]{6})$/;function x(n){
if(n.length>128)return;let e=n.replace(/[\uff01-\uff5e]/g,s=>String.fromCharCode(s.charCodeAt(0)-65248)).trim(),t=C.exec(
e)?.[1]??e.replace(T,"");return/^([0-9]{6})\1?$/.exec(t)?.[1]}var S="v1";function w(n){let e=new Uint8Array(8);return new DataView(e.buffer).setBigUint64(0,BigInt(n.timestampMs)),h([
f("galaxy-request-v1",S,n.deviceSessionId,n.messageType),e,f(n.requestId,n.payloadHash)])}function R(n,e,t){return f("au\
thsession-confirm-v1",n,e,t)}function D(n,e){let{pathname:t,search:s}=new URL(e);return`${n} ${t}${s}`}async function $(n,e){
let{requestId:t=u(crypto.getRandomValues(new Uint8Array(18)))}=n,s=await m(n.body),o=await e(w({...n,requestId:t,payloadHash:s}));
return[["galaxy-protocol-version",S],["galaxy-device-session-id",n.deviceSessionId],["galaxy-timestamp-ms",String(n.timestampMs)],
["galaxy-request-id",t],["galaxy-payload-hash",u(s)],["galaxy-signature",u(o)]]}var d=class extends Error{constructor(t){super(t);this.reason=t}reason;name="NotTrusted"};async function v(n,e,t){try{let s=await crypto.
subtle.importKey("raw",n,"Ed25519",!1,["verify"]);return await crypto.subtle.verify("Ed25519",s,e,t)}catch{return!1}}function g(n,e){
if(typeof n=="string")try{let t=Uint8Array.from(atob(n),s=>s.charCodeAt(0));return u(t)===n&&(e===void 0||t.length===e)?
t:void 0}catch{return}}async function K(n,e){let{deviceSessionId:t,requestId:s,timestampMs:o,payloadHash:r,signature:i}=E(
n.headers),a=await I(e,t);if(u(await m(n.body))!==u(r))throw new d("payload_hash_mismatch");let c=`${n.method} ${n.target.
replace(/^([^?]*)\?$/,"$1")}`,p=w({deviceSessionId:t,messageType:c,timestampMs:o,requestId:s,payloadHash:r});if(a===void 0||
!await v(a,i,p))throw new d("invalid_signature");let y=(e.now??Date.now)();if(Math.abs(y-Number(o))>(e.windowMs??3e4))throw new d(
"timestamp_out_of_window");if(!await e.take(t,s))throw new d("request_replayed");return await I(e,t),{deviceSessionId:t}}
async function I(n,e){let t=await n.find(e);switch(t.status){case"active":return g(t.clientPublicKey,32);case"unavailabl\
e":throw new d("sessions_unavailable");default:throw new d(`session_${t.status}`)}}function E(n){let e=new Map;for(let[o,
r]of n){let i=o.toLowerCase();e.set(i,e.has(i)?"":r)}let t=(o,r)=>{let i=e.get(`galaxy-${o}`);if(i===void 0||!r.test(i))
throw new d("invalid_envelope");return i},s=(o,r)=>{let i=g(e.get(`galaxy-${o}`),r);if(i===void 0)throw new d("invalid_e\
nvelope");return i};if(e.get("galaxy-protocol-version")!=="v1")throw new d("unsupported_protocol_version");return{deviceSessionId:t(
"device-session-id",/^[A-Za-z0-9_-]{1,128}$/),timestampMs:BigInt(t("timestamp-ms",/^(0|[1-9][0-9]{0,15})$/)),requestId:t(
"request-id",/^[!-~]{1,128}$/),payloadHash:s("payload-hash",32),signature:s("signature",64)}}function q(n){return"seed"in n?"software":"non-extractable"}async function M(n,e){return"seed"in n?(await import("./noble.js")).
sign(n.seed,e):new Uint8Array(await crypto.subtle.sign("Ed25519",n.privateKey,e))}var k="/api/v1/public";function Q(n={}){return new b(n)}var b=class{baseUrl;requests=[];#t;#n;#s=new Map;#e=new Map;#o=new Set;#a=new Map;#d=new Map;#r=[];constructor({
baseUrl:e="https://auth.test",publicHost:t,now:s=()=>Date.now()}){this.baseUrl=e,this.#t=t===void 0?new URL(e).hostname:
t,this.#n=s}fetch=async(e,t)=>{let s=new Request(e,t),{pathname:o}=new URL(s.url),r=this.#r.findIndex(({path:c})=>o.endsWith(
c)),i=r<0?void 0:this.#r.splice(r,1)[0]?.how;if(i==="request_lost")throw new TypeError("the request is lost");if(this.requests.
push(`${s.method} ${o}`),i==="busy")return this.#c(l(503,"service_unavailable",{"retry-after":"0"}));let a=await this.#u(
s);if(i==="answer_lost")throw new TypeError("the answer is lost");return this.#c(a)};codeFor(e){let s=[...this.#s.values()].
filter(o=>o.email===e).at(-1);if(s===void 0)throw new Error("no code was mailed to this address");return s.code}revoke(e){
this.#i(e).status="revoked"}remove(e){this.#e.delete(e)}active(){return[...this.#e].filter(([,e])=>e.status==="active").
map(([e])=>e)}serve(e,t){this.#d.set(e,t)}disturb(e,t,s=1){for(let o=0;o<s;o++)this.#r.push({path:e,how:t})}async#u(e){let{
origin:t,pathname:s}=new URL(e.url),o=t===new URL(this.baseUrl).origin,r=o?s.slice(k.length):"";if(r==="/auth/send-email\
-code")return this.#p(await e.json());if(r==="/auth/confirm-email-code")return this.#f(await e.json());let i=this.#d.get(
t);if(o?!r.startsWith("/device-sessions"):i===void 0)return l(404,"not_found");let a=o?this.#a.get(e.headers.get("galaxy\
-signature")??""):void 0;if(a!==void 0)return a.clone();let c=await this.#l(e.clone());if(c instanceof Response)return c;
if(i!==void 0)return i(e,c);let p=await this.#y(e,c);return this.#a.set(e.headers.get("galaxy-signature")??"",p.clone()),
p}async#l(e){let{pathname:t,search:s}=new URL(e.url),o=new Uint8Array(await e.arrayBuffer());try{let{deviceSessionId:r}=await K(
{method:e.method,target:`${t}${s}`,headers:e.headers,body:o},{find:i=>this.#e.get(i)??{status:"unknown"},take:(i,a)=>this.#o.
size<this.#o.add(`${i} ${a}`).size,now:this.#n});return{deviceSessionId:r,userId:this.#i(r).userId}}catch(r){if(!(r instanceof
d))throw r;return l(r.reason.startsWith("invalid_e")||r.reason.startsWith("unsup")?400:401,r.reason)}}#p({email:e}){let t=`\
challenge-${crypto.randomUUID()}`,s=String(crypto.getRandomValues(new Uint32Array(1))[0]%1e6).padStart(6,"0");return this.#s.
set(t,{email:e,code:s,wrong:0}),Response.json({challenge_id:t})}async#f(e){let{challenge_id:t,client_public_key:s,client_key_proof:o}=e,
r=x(e.code)??e.code;if(o!==void 0&&this.#t===null)return Response.json({error:{code:"invalid_request",message:"client_ke\
y_proof cannot be checked here: no public host is configured"}},{status:400});if(!await this.#g(t,r,s,o))return l(400,"i\
nvalid_client_public_key");let i=this.#s.get(t);if(i===void 0)return l(404,"challenge_not_found");if(i.confirmed!==void 0){
let{deviceSessionId:y,..._}=i.confirmed;return _.code===r&&_.key===s?P(y):l(400,"invalid_code")}if(i.wrong===5)return l(
410,"challenge_expired");if(i.code!==r)return i.wrong+=1,l(400,"invalid_code");let a=`device-session-${crypto.randomUUID()}`,
c=`${new Date(this.#n()).toISOString().slice(0,19)}Z`,p={userId:`user-${i.email}`,clientPublicKey:s,label:e.device_label,
createdAt:c,status:"active"};return this.#e.set(a,p),i.confirmed={code:r,key:s,deviceSessionId:a},P(a)}async#g(e,t,s,o){
if(this.#t===null)return!0;let[r,i]=[g(s,32),g(o,64)],a=R(this.#t,e,t);return r!==void 0&&i!==void 0&&v(r,i,a)}async#y(e,t){
let s=[...this.#e].filter(([,{userId:r,status:i}])=>r===t.userId&&i==="active"),o=new URL(e.url).pathname.slice(`${k}/de\
vice-sessions`.length);switch(`${e.method} ${o}`){case"GET ":return Response.json({device_sessions:s.reverse().map(([r,i])=>O(
r,i,t))});case"POST /revoke-others":{let r=s.filter(([a])=>a!==t.deviceSessionId);for(let[a]of r)this.revoke(a);let i=r.
length>0?"revoked":"no_active_sessions";return Response.json({outcome:i,affected_session_count:r.length})}case"PATCH /cu\
rrent":{let{label:r}=await e.json();return this.#i(t.deviceSessionId).label=r.trim(),Response.json({outcome:"named",device_session_id:t.
deviceSessionId,label:r.trim()})}default:return e.method==="DELETE"?this.#m(o.slice(1),t):l(404,"not_found")}}#m(e,t){let s=this.#e.
get(e);if(s===void 0||s.userId!==t.userId)return l(404,"session_not_found");let o=s.status==="active"?"revoked":"already\
_revoked";return s.status="revoked",Response.json({outcome:o,device_session_id:e})}#i(e){let t=this.#e.get(e);if(t===void 0)
throw new Error("there is no such session");return t}#c(e){let t=new Response(e.body,e);return t.headers.set("date",new Date(
this.#n()).toUTCString()),t}};function P(n){return Response.json({device_session_id:n})}function l(n,e,t={}){return Response.
json({error:{code:e,message:e.replaceAll("_"," ")}},{status:n,headers:t})}function O(n,e,t){return{device_session_id:n,...e.
label===void 0?{}:{label:e.label},created_at:e.createdAt,is_current:n===t.deviceSessionId}}async function X(n){let e=Uint8Array.
from([48,46,2,1,0,48,5,6,3,43,101,112,4,34,4,32]),t=new Uint8Array([...e,...n]),s=await crypto.subtle.importKey("pkcs8",
t,"Ed25519",!0,["sign"]),{x:o}=await crypto.subtle.exportKey("jwk",s);return{publicKey:u(Uint8Array.from(atob(o.replaceAll(
"-","+").replaceAll("_","/")),i=>i.charCodeAt(0))),privateKey:await crypto.subtle.importKey("pkcs8",t,"Ed25519",!1,["sig\
n"])}}export{Q as createTestServer,$ as envelopeOf,X as keyFromSeed,D as messageTypeOf,q as protectionOf,M as signWith};
