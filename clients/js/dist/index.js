var ee=new TextEncoder;function b(t){return ee.encode(t)}function f(t){return btoa(String.fromCharCode(...t))}function te(t){
let e=[];for(;t>=128;t=Math.floor(t/128))e.push(t&127|128);return[...e,t]}function p(...t){return x(t.flatMap(e=>{let r=typeof e==
"string"?b(e):e;return[Uint8Array.from(te(r.length)),r]}))}function x(t){let e=new Uint8Array(t.reduce((n,s)=>n+s.length,
0)),r=0;for(let n of t)e.set(n,r),r+=n.length;return e}async function I(t){return new Uint8Array(await crypto.subtle.digest(
"SHA-256",t))}var y=class{#e;#s=0;constructor(e){this.#e=e}now(){return Math.round(this.#e()+this.#s)}learn(e){let r=Date.parse(e.headers.
get("date")??"");r>0&&!e.headers.has("age")&&(this.#s=r+500-this.#e())}};var ne=/[\s\p{Pd}\u2212\u30fc\uff70\u00ad\u200b-\u200d\u2060\ufeff\u0085\u001c-\u001f]/gu,re=/^@[^\s@#]+ #([0-9]{6})$/;function T(t){
if(t.length>128)return;let e=t.replace(/[\uff01-\uff5e]/g,n=>String.fromCharCode(n.charCodeAt(0)-65248)).trim(),r=re.exec(
e)?.[1]??e.replace(ne,"");return/^([0-9]{6})\1?$/.exec(r)?.[1]}var B="v1";function se(t){let e=new Uint8Array(8);return new DataView(e.buffer).setBigUint64(0,BigInt(t.timestampMs)),x(
[p("galaxy-request-v1",B,t.deviceSessionId,t.messageType),e,p(t.requestId,t.payloadHash)])}function U(t,e,r){return p("a\
uthsession-confirm-v1",t,e,r)}function L(t,e){let{pathname:r,search:n}=new URL(e);return`${t} ${r}${n}`}async function j(t,e){
let{requestId:r=f(crypto.getRandomValues(new Uint8Array(18)))}=t,n=await I(t.body),s=await e(se({...t,requestId:r,payloadHash:n}));
return[["galaxy-protocol-version",B],["galaxy-device-session-id",t.deviceSessionId],["galaxy-timestamp-ms",String(t.timestampMs)],
["galaxy-request-id",r],["galaxy-payload-hash",f(n)],["galaxy-signature",f(s)]]}var c=class extends Error{name="AuthError";code;status;retryAfter;requestId;constructor(e,r,n={}){super(r,n.cause===void 0?
void 0:{cause:n.cause}),this.code=e,this.status=n.status??0,this.retryAfter=n.retryAfter,this.requestId=n.requestId}};async function M(t){
let e=await m(t);return new c(e?.code??"unexpected_answer",e?.message??`the server answered ${t.status}`,{status:t.status,
retryAfter:S(t),requestId:t.headers.get("x-request-id")??void 0})}function S(t){let e=Number.parseInt(t.headers.get("ret\
ry-after")??"",10);return Number.isNaN(e)?void 0:e}async function m(t){if(t.headers.get("content-type")?.startsWith("app\
lication/json"))try{let{error:e}=await t.clone().json();return typeof e?.code!="string"?void 0:{code:e.code,message:String(
e.message)}}catch{return}}async function q(){if(globalThis.crypto?.subtle===void 0)throw new c("insecure_context","keys need a page that came over\
 HTTPS or from localhost");try{let t=await crypto.subtle.generateKey("Ed25519",!1,["sign","verify"]);return{publicKey:f(
new Uint8Array(await crypto.subtle.exportKey("raw",t.publicKey))),privateKey:t.privateKey}}catch{return P()}}async function P(){
let{seed:t,publicKey:e}=await(await import("./noble.js")).generate();return{publicKey:f(e),seed:t}}function k(t){return"\
seed"in t?"software":"non-extractable"}async function C(t,e){return"seed"in t?(await import("./noble.js")).sign(t.seed,e):
new Uint8Array(await crypto.subtle.sign("Ed25519",t.privateKey,e))}function F(){let t=new Map;return{get:async e=>t.get(e),set:async(e,r,n)=>{$(t.get(e),n)&&t.set(e,r)},delete:async e=>{t.
delete(e)}}}var ie="authsession",R="devices";function N(){let t,e=()=>{t=void 0},r=()=>(t??=oe(e).catch(s=>{throw e(),s}),
t),n=async(s,i)=>{for(let o=1;;o++){let a=await r();try{return await ae(a.transaction(R,s,{durability:"strict"}),i)}catch(d){
if(o>1||d instanceof DOMException&&d.name==="DataCloneError")throw d;a.close(),e()}}};return{get:s=>n("readonly",i=>i.get(
s)),set:async(s,i,o)=>{await n("readwrite",a=>{if(o===void 0)return void a.put(i,s);let d=a.get(s);d.onsuccess=()=>{$(d.
result,o)&&a.put(i,s)}})},delete:async s=>{await n("readwrite",i=>i.delete(s))}}}function $(t,e){return e===void 0||t?.kind===
"session"&&t.deviceSessionId===e}function oe(t){return new Promise((e,r)=>{let n=indexedDB.open(ie,1);n.onupgradeneeded=
()=>n.result.createObjectStore(R),n.onerror=()=>r(n.error),n.onsuccess=()=>{let s=n.result;s.onclose=t,s.onversionchange=
()=>{s.close(),t()},e(s)}})}function ae(t,e){return new Promise((r,n)=>{t.onabort=()=>n(t.error);let s=e(t.objectStore(R));
t.oncomplete=()=>r(s?.result)})}function H(t){let e=t??(globalThis.indexedDB===void 0?F():N()),r=async n=>{try{return await n}catch(s){
throw s instanceof DOMException&&s.name==="DataCloneError"?s:new c("storage_unavailable","the key cannot be kept on this\
 device",{cause:s})}};return{get:n=>r(e.get(n)),set:(n,s,i)=>r(e.set(n,s,i)),delete:n=>r(e.delete(n))}}var de=3e3,h={tries:3,timeoutMs:1e4};async function A(t,e,r){let{tries:n}=r;for(let s=1;;s++)try{let i=await _(t,e,r),o=i.
status>=500?S(i):void 0;if(s===n||o===void 0||o*1e3>de)return i;await W(o*1e3)}catch(i){if(s===n)throw i;await W(125*2**
s)}}async function _(t,{url:e,init:r},n){try{let s=await t(e,{cache:"no-store",credentials:"omit",keepalive:n.outlivesPage??
!1,redirect:"error",referrerPolicy:"no-referrer",signal:AbortSignal.timeout(n.timeoutMs),...r});return await s.clone().arrayBuffer(),
s}catch(s){throw new c("network_error","no answer: the server is away, redirects, or its CORS origins miss this page",{cause:s})}}
async function v(t){if(t.status!==200)throw await M(t);let e=await t.json().catch(()=>{});if(typeof e!="object"||e===null||
Array.isArray(e))throw G();return e}function l(t,e){let r=t[e];if(typeof r!="string")throw G();return r}function G(){return new c(
"unexpected_answer","the answer is not of the contract: check `baseUrl`",{status:200})}function D(t,e,r={}){return{url:t,
init:{method:"POST",headers:{"content-type":"application/json",...r},body:JSON.stringify(e)}}}function W(t){return new Promise(
e=>setTimeout(e,t))}function ce(t){return new E(t)}var ue=/^(127\.[\d.]+|\[::1\])$/,le=60,fe="api/v1/public",ge={tries:2,timeoutMs:4e3,outlivesPage:!0},
E=class{devices;#e;#s;#r;#t;#y;#f;#m;#i;#d=new Set;#n;#g=null;#v=!1;#o;constructor(e){this.#e=new URL(e.baseUrl),this.#e.
pathname.endsWith("/")||(this.#e.pathname+="/");let r=this.#e.hostname;this.#s=(e.publicHost??(ue.test(r)?"localhost":r)).
toLowerCase(),this.#r=e.name??this.#e.href,this.#m=e.origins&&new Set(e.origins.map(n=>new URL(n).origin)),this.#t=H(e.storage),
this.#y=e.fetch??((n,s)=>fetch(n,s)),this.#f=new y(e.now??(()=>Date.now())),this.devices={list:()=>this.#D(),revoke:n=>this.#S(
n,h),revokeOthers:()=>this.#E(),rename:async n=>{await this.#u("PATCH","/current",{label:n})}},this.#i=this.#P(),globalThis.
document?.addEventListener("visibilitychange",this.#c),this.#c()}get session(){return this.#g}async ready(){return this.#k(
await this.#t.get(this.#r)),this.#g}async sendCode(e,{locale:r}={}){let n=D(this.#p("auth/send-email-code"),{email:e},r?
{"accept-language":r}:{}),s=await v(await _(this.#l,n,h));return{challengeId:l(s,"challenge_id"),resendAfter:le}}async confirmCode({
challengeId:e},r,{label:n}={}){let s=T(r);if(s===void 0)throw new c("invalid_code","a code has six digits",{status:400});
let i=await this.#R(e),o=await this.#_(i,e,s,n),a={kind:"session",deviceSessionId:o,key:i};return await this.#t.set(this.#r,
a),await this.#t.delete(this.#a),await this.ready(),this.#i?.postMessage(null),{deviceSessionId:o,keyProtection:k(i)}}async fetch(e,r){
let n=new Request(e,r);if(this.#m?.has(new URL(n.url).origin)===!1)throw new c("origin_not_allowed","nothing is signed f\
or this origin: see `origins`");let s=new Uint8Array(await n.arrayBuffer()),{url:i,credentials:o,integrity:a,keepalive:d,
mode:u,referrer:g,referrerPolicy:w,signal:V}=n,K=n.method.toUpperCase(),J=n.redirect==="follow"?"error":n.redirect,z=n.cache===
"default"?"no-store":n.cache,Q={credentials:o,integrity:a,keepalive:d,mode:u,redirect:J,referrer:g,referrerPolicy:w,signal:V,
cache:z};return this.#x({method:K,url:i,body:s},Y=>{let O=new Headers(n.headers);for(let[Z,X]of Y)O.set(Z,X);return this.#l(
i,{...Q,method:K,headers:O,...s.length>0?{body:s}:{}})})}async logOut(){await this.ready(),await this.#C();let e=this.#n;
if(e===void 0)return{revoked:!1};let[r,n]=await Promise.allSettled([this.#S(e.deviceSessionId,ge,e),this.#h(e.deviceSessionId,
"logged_out")]);if(n.status==="rejected")throw n.reason;if(r.status==="fulfilled")return{revoked:!0};if(r.reason instanceof
c)return{revoked:r.reason.code==="session_revoked"};throw r.reason}onChange(e){return this.#d.add(e),()=>{this.#d.delete(
e)}}close(){this.#i?.close(),this.#i=void 0,globalThis.document?.removeEventListener("visibilitychange",this.#c),this.#d.
clear()}#c=()=>{this.ready().catch(()=>{})};#P(){if(globalThis.BroadcastChannel===void 0)return;let e=new BroadcastChannel(
`authsession ${this.#r}`);e.onmessage=this.#c;let{unref:r}=e;return r?.call(e),e}#k(e){let r=this.#n,n=!this.#v;if(this.#v=
!0,this.#n=e?.kind==="session"?e:void 0,this.#n?.deviceSessionId!==r?.deviceSessionId)if(this.#n!==void 0){let{deviceSessionId:s,
key:i}=this.#n;this.#w({deviceSessionId:s,keyProtection:k(i)},n?"restored":"logged_in")}else this.#w(null,e?.kind==="end\
ed"?e.reason:"key_lost")}#w(e,r){this.#g=e;for(let n of[...this.#d])try{n(e,r)}catch(s){(globalThis.reportError??console.
error)(s)}}async#h(e,r){await this.#t.set(this.#r,{kind:"ended",deviceSessionId:e,reason:r},e),await this.ready(),this.#i?.
postMessage(null)}async#C(){this.#o=void 0,await this.#t.delete(this.#a)}get#a(){return`${this.#r} pending`}#R(e){if(this.#o?.
challengeId!==e){let r=this.#A(e);this.#o={challengeId:e,key:r},r.catch(()=>{this.#o=void 0})}return this.#o.key}async#A(e){
let r=await this.#t.get(this.#a);if(r?.kind==="pending"&&r.challengeId===e)return r.key;try{return await this.#b(e,await q())}catch(n){
if(!(n instanceof DOMException&&n.name==="DataCloneError"))throw n;return this.#b(e,await P())}}async#b(e,r){await this.#t.
set(this.#a,{kind:"pending",challengeId:e,key:r});let n=await this.#t.get(this.#a);if(n?.kind!=="pending")throw new c("s\
torage_unavailable","the storage did not keep the key");return n.challengeId===e?n.key:r}async#_(e,r,n,s){let{timeZone:i}=Intl.
DateTimeFormat().resolvedOptions(),o={challenge_id:r,code:n,client_public_key:e.publicKey,...i?{time_zone:i}:{},...s?{device_label:s}:
{}},a=f(await C(e,U(this.#s,r,n))),d=g=>A(this.#l,D(this.#p("auth/confirm-email-code"),{...o,...g}),h),u=await d({client_key_proof:a});
return await he(u)&&(u=await d({})),l(await v(u),"device_session_id")}async#x(e,r,n){n===void 0&&await this.ready();let s=n??
this.#n;if(s===void 0)throw new c("not_logged_in","there is no session on this device");let i=L(e.method,e.url);for(let o=1;;o++){
let a={...s,messageType:i,body:e.body,timestampMs:this.#f.now()},d=await r(await j(a,g=>C(s.key,g))),u=d.status===401?(await m(
d))?.code:void 0;if(!(u==="timestamp_out_of_window"&&o===1))return(u==="session_revoked"||u==="session_unknown")&&await this.#h(
s.deviceSessionId,u),d}}async#u(e,r,n,s=h,i){let o=this.#p(`device-sessions${r}`),a=n===void 0?new Uint8Array:b(JSON.stringify(
n)),d=n===void 0?[]:[["content-type","application/json"]],u=await this.#x({method:e,url:o,body:a},g=>{let w={method:e,headers:[
...d,...g],...a.length>0?{body:a}:{}};return A(this.#l,{url:o,init:w},s)},i);return v(u)}async#D(){let{device_sessions:e}=await this.#u(
"GET","");return(Array.isArray(e)?e:[]).map(r=>({deviceSessionId:l(r,"device_session_id"),label:r.label===void 0?void 0:
l(r,"label"),createdAt:l(r,"created_at"),lastSeenOn:r.last_seen_on===void 0?void 0:l(r,"last_seen_on"),isCurrent:r.is_current===
!0}))}async#S(e,r,n){let s=await this.#u("DELETE",`/${encodeURIComponent(e)}`,void 0,r,n);return this.#n?.deviceSessionId===
e&&await this.#h(e,"logged_out"),{outcome:l(s,"outcome")==="revoked"?"revoked":"already_revoked",deviceSessionId:l(s,"de\
vice_session_id")}}async#E(){let e=await this.#u("POST","/revoke-others");return{outcome:l(e,"outcome"),affectedSessionCount:Number(
e.affected_session_count)}}#l=async(e,r)=>{let n=await this.#y(e,r);return r?.cache==="no-store"&&this.#f.learn(n),n};#p(e){
return new URL(`${fe}/${e}`,this.#e).href}};async function he(t){if(t.status!==400)return!1;let e=await m(t);return e?.code===
"invalid_request"&&e.message.startsWith("client_key_proof cannot be checked")}var pe=[["Edge",/\bEdg/],["Opera",/\bOPR\//],["Samsung Internet",/\bSamsungBrowser\//],["Firefox",/\b(Firefox|FxiOS)\//],
["Chrome",/(Chrome|CriOS|Chromium)\//],["Safari",/\bSafari\//]],ye=[["iPhone",/\biPhone\b/],["iPad",/\biPad\b/],["Androi\
d",/\bAndroid\b/],["ChromeOS",/\bCrOS\b/],["Windows",/\bWindows\b/],["Mac",/\bMacintosh\b/],["Linux",/\bLinux\b/]];function me(t=globalThis.
navigator?.userAgent??""){let e=n=>n.find(([,s])=>s.test(t))?.[0],r=[e(pe),e(ye)].filter(n=>n!==void 0);return r.length>
0?r.join(" on "):void 0}export{c as AuthError,ce as createAuthClient,me as deviceLabel,N as indexedDbStorage,F as memoryStorage};
