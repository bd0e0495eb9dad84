var ee=new TextEncoder;function w(t){return ee.encode(t)}function f(t){return btoa(String.fromCharCode(...t))}function te(t){
let e=[];for(;t>=128;t=Math.floor(t/128))e.push(t&127|128);return[...e,t]}function y(...t){return b(t.flatMap(e=>{let n=typeof e==
"string"?w(e):e;return[Uint8Array.from(te(n.length)),n]}))}function b(t){let e=new Uint8Array(t.reduce((r,s)=>r+s.length,
0)),n=0;for(let r of t)e.set(r,n),n+=r.length;return e}async function O(t){return new Uint8Array(await crypto.subtle.digest(
"SHA-256",t))}var p=class{#e;#s=0;constructor(e){this.#e=e}now(){return Math.round(this.#e()+this.#s)}learn(e){let n=Date.parse(e.headers.
get("date")??"");!Number.isNaN(n)&&!e.headers.has("age")&&(this.#s=n+500-this.#e())}};var ne=/[\s\p{Pd}\u2212\u30fc\uff70\u00ad\u200b-\u200d\u2060\ufeff\u0085\u001c-\u001f]/gu,re=/^@[^\s@#]+ #([0-9]{6})$/;function K(t){
if(t.length>128)return;let e=t.replace(/[\uff01-\uff5e]/g,r=>String.fromCharCode(r.charCodeAt(0)-65248)).trim(),n=re.exec(
e)?.[1]??e.replace(ne,"");return/^([0-9]{6})\1?$/.exec(n)?.[1]}var I="v1";function se(t){let e=new Uint8Array(8);return new DataView(e.buffer).setBigUint64(0,BigInt(t.timestampMs)),b(
[y("galaxy-request-v1",I,t.deviceSessionId,t.messageType),e,y(t.requestId,t.payloadHash)])}function T(t,e,n){return y("a\
uthsession-confirm-v1",t,e,n)}function B(t,e){let{pathname:n,search:r}=new URL(e);return`${t} ${n}${r}`}async function U(t,e){
let{requestId:n=f(crypto.getRandomValues(new Uint8Array(18)))}=t,r=await O(t.body),s=await e(se({...t,requestId:n,payloadHash:r}));
return[["galaxy-protocol-version",I],["galaxy-device-session-id",t.deviceSessionId],["galaxy-timestamp-ms",String(t.timestampMs)],
["galaxy-request-id",n],["galaxy-payload-hash",f(r)],["galaxy-signature",f(s)]]}var d=class extends Error{name="AuthError";code;status;retryAfter;requestId;constructor(e,n,r={}){super(n,r.cause===void 0?
void 0:{cause:r.cause}),this.code=e,this.status=r.status??0,this.retryAfter=r.retryAfter,this.requestId=r.requestId}};async function L(t){
let e=await m(t);return new d(e?.code??"unexpected_answer",e?.message??`the server answered ${t.status}`,{status:t.status,
retryAfter:x(t),requestId:t.headers.get("x-request-id")??void 0})}function x(t){let e=Number.parseInt(t.headers.get("ret\
ry-after")??"",10);return Number.isNaN(e)?void 0:e}async function m(t){if(t.headers.get("content-type")?.startsWith("app\
lication/json"))try{let{error:e}=await t.clone().json();return typeof e?.code!="string"?void 0:{code:e.code,message:String(
e.message)}}catch{return}}async function j(){if(globalThis.crypto?.subtle===void 0)throw new d("insecure_context","keys need a page that came over\
 HTTPS or from localhost");try{let t=await crypto.subtle.generateKey("Ed25519",!1,["sign","verify"]);return{publicKey:f(
new Uint8Array(await crypto.subtle.exportKey("raw",t.publicKey))),privateKey:t.privateKey}}catch{return S()}}async function S(){
let{seed:t,publicKey:e}=await(await import("./noble.js")).generate();return{publicKey:f(e),seed:t}}function P(t){return"\
seed"in t?"software":"non-extractable"}async function k(t,e){return"seed"in t?(await import("./noble.js")).sign(t.seed,e):
new Uint8Array(await crypto.subtle.sign("Ed25519",t.privateKey,e))}function M(){let t=new Map;return{get:async e=>t.get(e),set:async(e,n,r)=>{N(t.get(e),r)&&t.set(e,n)},delete:async e=>{t.
delete(e)}}}var ie="authsession",C="devices";function q(){let t,e=()=>{t=void 0},n=()=>(t??=oe(e).catch(s=>{throw e(),s}),
t),r=async(s,i)=>{for(let o=1;;o++){let a=await n();try{return await ae(a.transaction(C,s,{durability:"strict"}),i)}catch(c){
if(o>1||!(c instanceof DOMException&&c.name==="InvalidStateError"))throw c;e()}}};return{get:s=>r("readonly",i=>i.get(s)),
set:async(s,i,o)=>{await r("readwrite",a=>{if(o===void 0)return void a.put(i,s);let c=a.get(s);c.onsuccess=()=>{N(c.result,
o)&&a.put(i,s)}})},delete:async s=>{await r("readwrite",i=>i.delete(s))}}}function N(t,e){return e===void 0||t?.kind==="\
session"&&t.deviceSessionId===e}function oe(t){return new Promise((e,n)=>{let r=indexedDB.open(ie,1);r.onupgradeneeded=()=>r.
result.createObjectStore(C),r.onerror=()=>n(r.error),r.onsuccess=()=>{let s=r.result;s.onclose=t,s.onversionchange=()=>{
s.close(),t()},e(s)}})}function ae(t,e){return new Promise((n,r)=>{t.onabort=()=>r(t.error);let s=e(t.objectStore(C));t.
oncomplete=()=>n(s?.result)})}function F(t){let e=t??(globalThis.indexedDB===void 0?M():q()),n=async r=>{try{return await r}catch(s){
throw s instanceof DOMException&&s.name==="DataCloneError"?s:new d("storage_unavailable","the key cannot be kept on this\
 device",{cause:s})}};return{get:r=>n(e.get(r)),set:(r,s,i)=>n(e.set(r,s,i)),delete:r=>n(e.delete(r))}}var ce=3e3,g={tries:3,timeoutMs:1e4};async function A(t,e,{tries:n,timeoutMs:r}){for(let s=1;;s++)try{let i=await R(t,e,
r),o=i.status>=500?x(i):void 0;if(s===n||o===void 0||o*1e3>ce)return i;await $(o*1e3)}catch(i){if(s===n)throw i;await $(
125*2**s)}}async function R(t,{url:e,init:n},r){try{let s=AbortSignal.timeout(r);return await t(e,{cache:"no-store",credentials:"\
omit",referrerPolicy:"no-referrer",signal:s,...n})}catch(s){throw new d("network_error","no answer: the server is away, \
or its CORS origins miss this page",{cause:s})}}async function v(t){if(t.status!==200)throw await L(t);let e=await t.json().
catch(()=>{});if(typeof e!="object"||e===null||Array.isArray(e))throw H();return e}function u(t,e){let n=t[e];if(typeof n!=
"string")throw H();return n}function H(){return new d("unexpected_answer","the answer is not of the contract: check `bas\
eUrl`",{status:200})}function D(t,e,n={}){return{url:t,init:{method:"POST",headers:{"content-type":"application/json",...n},
body:JSON.stringify(e)}}}function $(t){return new Promise(e=>setTimeout(e,t))}function de(t){return new _(t)}var ue=/^(127\.[\d.]+|\[::1\])$/,le=60,fe="api/v1/public",he={tries:2,timeoutMs:4e3},_=class{devices;#e;#s;#r;#t;#p;#h;#a;#c=new Set;#n;#d=null;#m=!1;#i;constructor(e){
this.#e=new URL(e.baseUrl),this.#e.pathname.endsWith("/")||(this.#e.pathname+="/");let n=this.#e.hostname;this.#s=(e.publicHost??
(ue.test(n)?"localhost":n)).toLowerCase(),this.#r=e.name??this.#e.href,this.#t=F(e.storage),this.#p=e.fetch??((r,s)=>fetch(
r,s)),this.#h=new p(e.now??(()=>Date.now())),this.devices={list:()=>this.#D(),revoke:r=>this.#S(r,g),revokeOthers:()=>this.#_(),
rename:async r=>{await this.#l("PATCH","/current",{label:r})}},this.#a=this.#P(),globalThis.document?.addEventListener("\
visibilitychange",this.#u),this.#u()}get session(){return this.#d}async ready(){return this.#v(await this.#t.get(this.#r)),
this.#d}async sendCode(e,{locale:n}={}){let r=D(this.#y("auth/send-email-code"),{email:e},n?{"accept-language":n}:{}),s=await v(
await R(this.#f,r,g.timeoutMs));return{challengeId:u(s,"challenge_id"),resendAfter:le}}async confirmCode({challengeId:e},n,{
label:r}={}){let s=K(n);if(s===void 0)throw new d("invalid_code","a code has six digits",{status:400});let i=await this.#C(
e),o=await this.#R(i,e,s,r),a={kind:"session",deviceSessionId:o,key:i};return await this.#t.set(this.#r,a),await this.#t.
delete(this.#o),this.#v(a),this.#a?.postMessage(null),{deviceSessionId:o,keyProtection:P(i)}}async fetch(e,n){let r=new Request(
e,n),s=new Uint8Array(await r.arrayBuffer()),{method:i,url:o,credentials:a,integrity:c,keepalive:l,mode:h,redirect:W,referrer:G,
referrerPolicy:V,signal:J}=r,z=r.cache==="default"?"no-store":r.cache,Q={credentials:a,integrity:c,keepalive:l,mode:h,redirect:W,
referrer:G,referrerPolicy:V,signal:J,cache:z};return this.#x({method:i,url:o,body:s},Y=>{let E=new Headers(r.headers);for(let[
Z,X]of Y)E.set(Z,X);return this.#f(o,{...Q,method:i,headers:E,...s.length>0?{body:s}:{}})})}async logOut(){await this.ready(),
await this.#k();let e=this.#d?.deviceSessionId;if(e===void 0)return{revoked:!1};try{return await this.#S(e,he),{revoked:!0}}catch(n){
if(n instanceof d)return{revoked:n.code==="session_revoked"};throw n}finally{await this.#g(e,"logged_out")}}onChange(e){
return this.#c.add(e),()=>{this.#c.delete(e)}}close(){this.#a?.close(),globalThis.document?.removeEventListener("visibil\
itychange",this.#u),this.#c.clear()}#u=()=>{this.ready().catch(()=>{})};#P(){if(globalThis.BroadcastChannel===void 0)return;
let e=new BroadcastChannel(`authsession ${this.#r}`);e.onmessage=this.#u;let{unref:n}=e;return n?.call(e),e}#v(e){let n=this.#n,
r=!this.#m;if(this.#m=!0,this.#n=e?.kind==="session"?e:void 0,this.#n?.deviceSessionId!==n?.deviceSessionId)if(this.#n!==
void 0){let{deviceSessionId:s,key:i}=this.#n;this.#w({deviceSessionId:s,keyProtection:P(i)},r?"restored":"logged_in")}else
this.#w(null,e?.kind==="ended"?e.reason:"key_lost")}#w(e,n){this.#d=e;for(let r of[...this.#c])try{r(e,n)}catch(s){(globalThis.
reportError??console.error)(s)}}async#g(e,n){await this.#t.set(this.#r,{kind:"ended",deviceSessionId:e,reason:n},e),await this.
ready(),this.#a?.postMessage(null)}async#k(){this.#i=void 0,await this.#t.delete(this.#o)}get#o(){return`${this.#r} pend\
ing`}#C(e){if(this.#i?.challengeId!==e){let n=this.#A(e);this.#i={challengeId:e,key:n},n.catch(()=>{this.#i=void 0})}return this.#i.
key}async#A(e){let n=await this.#t.get(this.#o);if(n?.kind==="pending"&&n.challengeId===e)return n.key;try{return await this.#b(
e,await j())}catch(r){if(!(r instanceof DOMException&&r.name==="DataCloneError"))throw r;return this.#b(e,await S())}}async#b(e,n){
await this.#t.set(this.#o,{kind:"pending",challengeId:e,key:n});let r=await this.#t.get(this.#o);if(r?.kind!=="pending")
throw new d("storage_unavailable","the storage did not keep the key");return r.key}async#R(e,n,r,s){let{timeZone:i}=Intl.
DateTimeFormat().resolvedOptions(),o={challenge_id:n,code:r,client_public_key:e.publicKey,...i?{time_zone:i}:{},...s?{device_label:s}:
{}},a=f(await k(e,T(this.#s,n,r))),c=h=>A(this.#f,D(this.#y("auth/confirm-email-code"),{...o,...h}),g),l=await c({client_key_proof:a});
return await ge(l)&&(l=await c({})),u(await v(l),"device_session_id")}async#x(e,n){await this.ready();let r=this.#n;if(r===
void 0)throw new d("not_logged_in","there is no session on this device");let s=B(e.method,e.url);for(let i=1;;i++){let o={
...r,messageType:s,body:e.body,timestampMs:this.#h.now()},a=await n(await U(o,l=>k(r.key,l))),c=a.status===401?(await m(
a))?.code:void 0;if(!(c==="timestamp_out_of_window"&&i===1))return(c==="session_revoked"||c==="session_unknown")&&await this.#g(
r.deviceSessionId,c),a}}async#l(e,n,r,s=g){let i=this.#y(`device-sessions${n}`),o=r===void 0?new Uint8Array:w(JSON.stringify(
r)),a=r===void 0?[]:[["content-type","application/json"]],c=await this.#x({method:e,url:i,body:o},l=>{let h={method:e,headers:[
...a,...l],...o.length>0?{body:o}:{}};return A(this.#f,{url:i,init:h},s)});return v(c)}async#D(){let{device_sessions:e}=await this.#l(
"GET","");return(Array.isArray(e)?e:[]).map(n=>({deviceSessionId:u(n,"device_session_id"),label:n.label===void 0?void 0:
u(n,"label"),createdAt:u(n,"created_at"),lastSeenOn:n.last_seen_on===void 0?void 0:u(n,"last_seen_on"),isCurrent:n.is_current===
!0}))}async#S(e,n){let r=await this.#l("DELETE",`/${encodeURIComponent(e)}`,void 0,n);return this.#n?.deviceSessionId===
e&&await this.#g(e,"logged_out"),{outcome:u(r,"outcome")==="revoked"?"revoked":"already_revoked",deviceSessionId:u(r,"de\
vice_session_id")}}async#_(){let e=await this.#l("POST","/revoke-others");return{outcome:u(e,"outcome"),affectedSessionCount:Number(
e.affected_session_count)}}#f=async(e,n)=>{let r=await this.#p(e,n);return n?.cache==="no-store"&&this.#h.learn(r),r};#y(e){
return new URL(`${fe}/${e}`,this.#e).href}};async function ge(t){if(t.status!==400)return!1;let e=await m(t);return e?.code===
"invalid_request"&&e.message.startsWith("client_key_proof cannot be checked")}var ye=[["Edge",/\bEdg/],["Opera",/\bOPR\//],["Samsung Internet",/\bSamsungBrowser\//],["Firefox",/\b(Firefox|FxiOS)\//],
["Chrome",/\b(Chrome|CriOS|Chromium)\//],["Safari",/\bSafari\//]],pe=[["iPhone",/\biPhone\b/],["iPad",/\biPad\b/],["Andr\
oid",/\bAndroid\b/],["ChromeOS",/\bCrOS\b/],["Windows",/\bWindows\b/],["Mac",/\bMacintosh\b/],["Linux",/\bLinux\b/]];function me(t=globalThis.
navigator?.userAgent??""){let e=r=>r.find(([,s])=>s.test(t))?.[0],n=[e(ye),e(pe)].filter(r=>r!==void 0);return n.length>
0?n.join(" on "):void 0}export{d as AuthError,de as createAuthClient,me as deviceLabel,q as indexedDbStorage,M as memoryStorage};
