import{createAuthClient as de,deviceLabel as le}from"./index.js";function r(t,e={},...n){let i=document.createElement(t);for(let[o,s]of Object.entries(e))i.setAttribute(o,s);return i.append(
...n),i}function c(t,e){t.textContent!==e&&(t.textContent=e)}function S(t,e,n){let[i="",o=""]=e.split("{email}");t.textContent!==
i+n+o&&t.replaceChildren(i,r("bdi",{part:"address"},n),o)}function L(t,e,n){t.toggleAttribute(e,n)}function g(t,e,n){n?t.
setAttribute(`aria-${e}`,"true"):t.removeAttribute(`aria-${e}`)}var Y=/[\s\p{Pd}\u2212\u30fc\uff70\u00ad\u200b-\u200d\u2060\ufeff\u0085\u001c-\u001f]/gu,J=/^@[^\s@#]+ #([0-9]{6})$/;function f(t){
if(t.length>128)return;let e=t.replace(/[\uff01-\uff5e]/g,i=>String.fromCharCode(i.charCodeAt(0)-65248)).trim(),n=J.exec(
e)?.[1]??e.replace(Y,"");return/^([0-9]{6})\1?$/.exec(n)?.[1]}import{AuthError as _}from"./index.js";var b=5,K=10*6e4,Z=60,X={challenge_expired:{text:"expired",needsNewCode:!0},challenge_not_found:{
text:"expired",needsNewCode:!0},insecure_context:{text:"insecure"},network_error:{text:"offline"},rate_limited:{text:"ra\
te"},service_unavailable:{text:"unavailable"},session_limit_exceeded:{text:"devices"},storage_unavailable:{text:"storage"}},
v=class{step="email";email="";busy;problem;isResent=!1;wrong=0;#n;#e;#a={send:0,confirm:0};#o;#d=0;#t=0;#i;constructor(e,n){
this.#n=e,this.#e=n}start(){this.#i??=this.#n.onChange(()=>this.#r()),this.#r(),this.#n.ready().then(()=>this.#i&&this.#r(),
()=>{})}stop(){this.#i?.(),this.#i=void 0}get attemptsLeft(){return b-this.wrong}wait(e){let n=e==="send"&&this.step==="\
code"?this.#t:0;return I(Math.max(this.#a[e],n))}get limit(){return I(Math.max(this.#a.send,this.#a.confirm))}async send(e,n){
let i=Q(e);if(this.busy||this.wait("send")>0)return;if(!/^[^\s@]+@[^\s@]+$/.test(i))return this.#u({text:"badEmail",isInField:!0});
this.email=i;let o=await this.#c("send",()=>this.#n.sendCode(i,{locale:n}));o&&this.#l(o,this.step==="code")}resend(e){return this.
send(this.email,e)}async confirm(e,n){let i=this.#o;if(this.busy||this.wait("confirm")>0||this.problem?.needsNewCode||!i)
return;let o=f(e);if(o===void 0)return this.#u({text:"badCode",isInField:!0});let s=await this.#c("confirm",()=>this.#n.
confirmCode(i,o,n?{label:n}:{}));s&&(this.#r(),this.#e.loggedIn(s))}back(){this.busy||this.#s("email")}edit(){this.problem?.
isInField&&(this.problem=void 0,this.#e.changed())}tick(){this.problem?.text==="rate"&&this.limit===0&&(this.problem=void 0),
this.#e.changed()}get draft(){if(this.step!=="code"||!this.#o)return;let{challengeId:e}=this.#o;return{email:this.email,
challengeId:e,wrong:this.wrong,resendAt:this.#t,sentAt:this.#d}}restore(e){let{email:n,challengeId:i,wrong:o,resendAt:s,
sentAt:a}=e,p=typeof n=="string"&&typeof i=="string"&&typeof a=="number";this.step!=="email"||!p||Date.now()-a>K||(this.
email=n,this.#l({challengeId:i,resendAfter:0},!1),this.#d=a,this.#t=Math.min(Number(s)||0,Date.now()+6e4),this.wrong=Number(
o)||0,this.wrong>=b&&(this.problem={text:"spent",needsNewCode:!0}),this.#e.changed())}#l(e,n){this.#o=e,this.#d=Date.now(),
this.#t=this.#d+e.resendAfter*1e3,this.step="code",this.wrong=0,this.isResent=n,this.#e.changed()}#r(){let{session:e}=this.#n;
e&&this.step!=="done"&&(this.email="",this.#s("done")),!e&&this.step==="done"&&this.#s("email")}#s(e){this.step=e,this.#o=
void 0,this.problem=void 0,this.isResent=!1,this.#e.changed()}async#c(e,n){this.busy=e,this.problem=void 0,this.isResent=
!1,this.#e.changed();try{return await n()}catch(i){this.#f(e,i);return}finally{this.busy=void 0,this.#e.changed()}}#f(e,n){
let i=n instanceof _?n:new _("unexpected_answer",String(n),{cause:n});i.code==="rate_limited"&&(this.#a[e]=Date.now()+(i.
retryAfter??Z)*1e3),i.code==="blocked_by_policy"?this.#s("blocked"):this.problem=this.#m(e,i),this.#e.failed(i)}#m(e,{code:n}){
return n==="invalid_code"?this.#p():n==="invalid_request"&&e==="send"?{text:"badEmail",isInField:!0}:X[n]??{text:"unexpe\
cted"}}#p(){return this.wrong+=1,this.wrong>=b?{text:"spent",needsNewCode:!0}:{text:this.wrong===b-1?"wrongLast":"wrong",
isInField:!0}}#u(e){this.problem=e,this.#e.changed()}};function I(t){return Math.max(0,Math.ceil((t-Date.now())/1e3))}function Q(t){
return t.replace(/[\uff01-\uff5e]/g,e=>String.fromCharCode(e.charCodeAt(0)-65248)).trim()}var z=["en","de","es","fr","ja","pt","zh-Hans"],ee={title:"Log in",email:"E-mail address",intro:"We send you a six-digit\
 code. No password needed.",send:"Send me a code",codeTitle:"Check your e-mail",codeText:"Enter the code that we sent to\
 {email}.",code:"Six-digit code",spam:"No e-mail? Look in your spam folder too.",submit:"Log in",busy:"One moment…",resend:"\
Send a new code",resendIn:"New code in {time}",resent:"A new code is on its way. Only the newest one works.",other:"Use \
another address",doneTitle:"You are logged in",blockedTitle:"You cannot log in",blocked:"{email} is not allowed to log i\
n here.",badEmail:"Enter a full e-mail address, such as name@example.com.",badCode:"Enter all six digits of the code.",wrong:"\
This code is not right. {n} attempts left.",wrongLast:"This code is not right. One attempt left.",spent:"This code is no\
t right, and no attempts are left. Send a new code.",expired:"This code is no longer valid. Send a new code.",rate:"Too \
many attempts. Try again in {time}.",offline:"No connection. Check your network and try again.",unavailable:"The service\
 is not available right now. Try again in a moment.",devices:"You are logged in on too many devices. Log out on one of t\
hem, then try again.",insecure:"This page is not secure. Open it with https.",storage:"Your browser does not let this pa\
ge store data. Allow it, then try again.",unexpected:"Something went wrong. Try again."},N={en:ee,de:{title:"Anmelden",email:"\
E-Mail-Adresse",intro:"Sie erhalten einen sechsstelligen Code. Ein Passwort brauchen Sie nicht.",send:"Code zusenden",codeTitle:"\
Sehen Sie in Ihr Postfach",codeText:"Geben Sie den Code ein, den wir an {email} gesendet haben.",code:"Sechsstelliger Co\
de",spam:"Keine E-Mail? Sehen Sie auch im Spam-Ordner nach.",submit:"Anmelden",busy:"Einen Moment…",resend:"Neuen Code\
 senden",resendIn:"Neuer Code in {time}",resent:"Ein neuer Code ist unterwegs. Nur der neueste gilt.",other:"Andere Adre\
sse verwenden",doneTitle:"Sie sind angemeldet",blockedTitle:"Anmeldung nicht möglich",blocked:"{email} darf sich hier n\
icht anmelden.",badEmail:"Geben Sie eine vollständige E-Mail-Adresse ein, zum Beispiel name@example.com.",badCode:"Gebe\
n Sie alle sechs Ziffern des Codes ein.",wrong:"Dieser Code stimmt nicht. Noch {n} Versuche.",wrongLast:"Dieser Code sti\
mmt nicht. Noch ein Versuch.",spent:"Dieser Code stimmt nicht, und Sie haben keinen Versuch mehr. Fordern Sie einen neue\
n Code an.",expired:"Dieser Code gilt nicht mehr. Fordern Sie einen neuen Code an.",rate:"Zu viele Versuche. Versuchen S\
ie es in {time} erneut.",offline:"Keine Verbindung. Prüfen Sie Ihr Netzwerk und versuchen Sie es erneut.",unavailable:"\
Der Dienst ist gerade nicht verfügbar. Versuchen Sie es gleich noch einmal.",devices:"Sie sind auf zu vielen Geräten an\
gemeldet. Melden Sie sich auf einem davon ab und versuchen Sie es erneut.",insecure:"Diese Seite ist nicht sicher. Öffne\
n Sie sie mit https.",storage:"Ihr Browser erlaubt dieser Seite nicht, Daten zu speichern. Erlauben Sie es und versuchen\
 Sie es erneut.",unexpected:"Etwas ist schiefgegangen. Versuchen Sie es erneut."},es:{title:"Iniciar sesión",email:"Cor\
reo electrónico",intro:"Te enviamos un código de seis dígitos. No necesitas contraseña.",send:"Enviarme un código",
codeTitle:"Revisa tu correo",codeText:"Introduce el código que hemos enviado a {email}.",code:"Código de seis dígitos",
spam:"¿No ha llegado? Mira también en la carpeta de spam.",submit:"Iniciar sesión",busy:"Un momento…",resend:"Envia\
r otro código",resendIn:"Otro código en {time}",resent:"Un nuevo código está en camino. Solo vale el más reciente.",
other:"Usar otra dirección",doneTitle:"Has iniciado sesión",blockedTitle:"No puedes iniciar sesión",blocked:"{email} \
no tiene permiso para iniciar sesión aquí.",badEmail:"Introduce una dirección completa, como nombre@example.com.",badCode:"\
Introduce los seis dígitos del código.",wrong:"El código no es correcto. Te quedan {n} intentos.",wrongLast:"El códig\
o no es correcto. Te queda un intento.",spent:"El código no es correcto y no te quedan intentos. Pide un código nuevo.",
expired:"Este código ya no es válido. Pide un código nuevo.",rate:"Demasiados intentos. Inténtalo de nuevo en {time}.",
offline:"Sin conexión. Comprueba tu red e inténtalo de nuevo.",unavailable:"El servicio no está disponible ahora. Inté\
ntalo de nuevo en un momento.",devices:"Tienes la sesión abierta en demasiados dispositivos. Ciérrala en uno de ellos e \
inténtalo de nuevo.",insecure:"Esta página no es segura. Ábrela con https.",storage:"Tu navegador no permite que esta\
 página guarde datos. Permítelo e inténtalo de nuevo.",unexpected:"Algo ha fallado. Inténtalo de nuevo."},fr:{title:"\
Connexion",email:"Adresse e-mail",intro:"Nous vous envoyons un code à six chiffres. Pas besoin de mot de passe.",send:"\
M’envoyer un code",codeTitle:"Consultez vos e-mails",codeText:"Saisissez le code que nous avons envoyé à {email}.",code:"\
Code à six chiffres",spam:"Rien reçu ? Regardez aussi dans vos courriers indésirables.",submit:"Se connecter",busy:"\
Un instant…",resend:"Envoyer un nouveau code",resendIn:"Nouveau code dans {time}",resent:"Un nouveau code arrive. Seul\
 le plus récent est valable.",other:"Utiliser une autre adresse",doneTitle:"Connexion réussie",blockedTitle:"Connexion\
 impossible",blocked:"La connexion n’est pas autorisée pour {email}.",badEmail:"Saisissez une adresse complète, par e\
xemple nom@example.com.",badCode:"Saisissez les six chiffres du code.",wrong:"Ce code n’est pas le bon. Il vous reste {n\
} essais.",wrongLast:"Ce code n’est pas le bon. Il vous reste un essai.",spent:"Ce code n’est pas le bon et il ne vous\
 reste aucun essai. Demandez un nouveau code.",expired:"Ce code n’est plus valable. Demandez un nouveau code.",rate:"T\
rop d’essais. Réessayez dans {time}.",offline:"Pas de connexion. Vérifiez votre réseau et réessayez.",unavailable:"\
Le service est indisponible pour le moment. Réessayez dans un instant.",devices:"Trop d’appareils sont connectés. Décon\
nectez-en un, puis réessayez.",insecure:"Cette page n’est pas sécurisée. Ouvrez-la en https.",storage:"Votre naviga\
teur empêche cette page d’enregistrer des données. Autorisez-le, puis réessayez.",unexpected:"Un problème est surve\
nu. Réessayez."},ja:{title:"ログイン",email:"メールアドレス",intro:"6 桁のコードをお送りします。パスワードは不要です。",
send:"コードを送信",codeTitle:"メールをご確認ください",codeText:"{email} に送信したコードを入力してください。",
code:"6 桁のコード",spam:"届かない場合は、迷惑メールフォルダもご確認ください。",submit:"ロ\
グイン",busy:"しばらくお待ちください…",resend:"新しいコードを送信",resendIn:"再送信まで {time}",
resent:"新しいコードを送信しました。最新のコードのみ有効です。",other:"別のアドレスを使う",
doneTitle:"ログインしました",blockedTitle:"ログインできません",blocked:"{email} ではログインできません。",
badEmail:"name@example.com のような形式で、メールアドレスを入力してください。",badCode:"6 桁のコード\
をすべて入力してください。",wrong:"コードが正しくありません。あと {n} 回入力できます。",
wrongLast:"コードが正しくありません。あと 1 回だけ入力できます。",spent:"コードが正しくありません。入力できる回数を超\
えました。新しいコードを送信してください。",expired:"このコードは無効になりました。新しいコードを送信してください。",
rate:"試行回数が多すぎます。{time}後にもう一度お試しください。",offline:"接続できません。ネットワークを確認して、もう\
一度お試しください。",unavailable:"現在サービスを利用できません。しばらくしてからもう一度お試しください。",
devices:"ログイン中の端末が多すぎます。いずれかの端末でログアウトしてから、もう一度お試しください。",
insecure:"このページは安全ではありません。https で開いてください。",storage:"ブラウザーがこのページのデータ保存を\
許可していません。許可してから、もう一度お試しください。",unexpected:"問題が発生しました。もう一度お試しください。"},
pt:{title:"Iniciar sessão",email:"Endereço de e-mail",intro:"Enviamos-lhe um código de seis dígitos. Não precisa de pa\
lavra-passe.",send:"Enviar um código",codeTitle:"Verifique o seu e-mail",codeText:"Introduza o código que enviámos para\
 {email}.",code:"Código de seis dígitos",spam:"Não chegou? Veja também na pasta de spam.",submit:"Iniciar sessão",busy:"\
Um momento…",resend:"Enviar novo código",resendIn:"Novo código em {time}",resent:"Um novo código está a caminho. Só \
o mais recente é válido.",other:"Usar outro endereço",doneTitle:"Sessão iniciada",blockedTitle:"Não é possível inici\
ar sessão",blocked:"{email} não tem permissão para iniciar sessão aqui.",badEmail:"Introduza um endereço completo, c\
omo nome@example.com.",badCode:"Introduza os seis dígitos do código.",wrong:"O código não está correto. Restam {n} ten\
tativas.",wrongLast:"O código não está correto. Resta uma tentativa.",spent:"O código não está correto e não restam t\
entativas. Peça um novo código.",expired:"Este código já não é válido. Peça um novo código.",rate:"Demasiadas t\
entativas. Tente novamente em {time}.",offline:"Sem ligação. Verifique a sua rede e tente novamente.",unavailable:"O s\
erviço não está disponível de momento. Tente novamente dentro de instantes.",devices:"Tem sessão iniciada em demasia\
dos dispositivos. Termine a sessão num deles e tente novamente.",insecure:"Esta página não é segura. Abra-a com https.",
storage:"O seu navegador não permite que esta página guarde dados. Autorize-o e tente novamente.",unexpected:"Ocorreu \
um erro. Tente novamente."},"zh-Hans":{title:"登录",email:"电子邮箱",intro:"我们会向您发送 6 位验证码，无需密码。",
send:"发送验证码",codeTitle:"请查收邮件",codeText:"请输入发送到 {email} 的验证码。",code:"6 位验证码",
spam:"没有收到？请同时查看垃圾邮件。",submit:"登录",busy:"请稍候…",resend:"重新发送验证码",
resendIn:"{time} 后可重新发送",resent:"新的验证码已发出，仅最新的验证码有效。",other:"使用其他邮箱",
doneTitle:"您已登录",blockedTitle:"无法登录",blocked:"{email} 不允许在此登录。",badEmail:"请输入完整的邮箱地址，例如 \
name@example.com。",badCode:"请输入完整的 6 位验证码。",wrong:"验证码不正确，还可以尝试 {n} 次。",
wrongLast:"验证码不正确，还可以尝试 1 次。",spent:"验证码不正确，尝试次数已用完。请重新发送验证码。",
expired:"此验证码已失效。请重新发送验证码。",rate:"尝试次数过多，请在{time}后重试。",offline:"\
无法连接，请检查网络后重试。",unavailable:"服务暂时不可用，请稍后重试。",devices:"您登录的设备过多。请\
先在其中一台设备上退出登录，然后重试。",insecure:"此页面不安全，请使用 https 打开。",storage:"\
浏览器不允许此页面存储数据。请允许后重试。",unexpected:"出现问题，请重试。"}};function P(t){for(let e of t){let n=e?te(e):void 0;if(n)return n}return"en"}function te(t){try{let{language:e,script:n}=new Intl.
Locale(t).maximize();return z.find(i=>i===e||i===`${e}-${n}`)}catch{return}}function D(t,e){let[n,i]=t<100?[t,"second"]:
t<6e3?[t/60,"minute"]:[t/3600,"hour"];return new Intl.NumberFormat(e,{style:"unit",unit:i,unitDisplay:"long"}).format(Math.
ceil(n))}function T(t){let[e,n,i]=[Math.floor(t/3600),Math.floor(t/60)%60,t%60],o=s=>String(s).padStart(2,"0");return e>
0?`${e}:${o(n)}:${o(i)}`:`${n}:${o(i)}`}var x=6;function M(t){let e=r("input",{autocapitalize:"off",autocomplete:"one-time-code",autocorrect:"off",dir:"ltr",enterkeyhint:"\
go",id:"code",inputmode:"numeric",name:"code",part:"code-input",spellcheck:"false",type:"text"}),n=Array.from({length:x},
()=>r("span",{part:"digit"})),i=r("div",{class:"code",part:"code"},r("div",{class:"boxes","aria-hidden":"true"},...n),e),
o=()=>{let[d,l]=[e.selectionStart??0,e.selectionEnd??0];for(let[m,h]of n.entries())h.part.toggle("digit-current",d===l&&
m===Math.min(d,x-1)),h.part.toggle("digit-selected",d<=m&&m<l)},s="",a=()=>{let d=ne(e)&&e.value!==s;s=e.value,d&&t(),o()};
e.addEventListener("input",d=>{d.isComposing||a()}),e.addEventListener("compositionend",a),e.addEventListener("paste",d=>{
let l=f(d.clipboardData?.getData("text")??"");l===void 0||e.readOnly||(d.preventDefault(),e.value=l,e.dispatchEvent(new InputEvent(
"input",{bubbles:!0,inputType:"insertFromPaste"})))});for(let d of["focus","keyup","click","select"])e.addEventListener(
d,o);return{root:i,input:e,clear:()=>{e.value=s=""}}}function ne(t){let{value:e,selectionStart:n}=t,i=f(e)??R(e).slice(0,
x);if(e!==i){let o=R(e.slice(0,n??e.length)).length;t.value=i,t.setSelectionRange(o,o)}return i.length===x}function R(t){
return t.replace(/[\uff10-\uff19]/g,e=>String.fromCharCode(e.charCodeAt(0)-65248)).replace(/[^0-9]/g,"")}function O(t,e,n){return t==="email"?ie(e,n):t==="code"?oe(e,n):t==="done"?se():re(e,n)}function y(t,e,n){return t.problem?
n[t.problem.text].replace("{n}",String(t.attemptsLeft)).replace("{time}",D(t.limit,e)):""}function ie(t,e){let n=r("h2",
{part:"title"},r("slot",{name:"title"})),i=r("label",{for:"email",part:"label"}),o=r("input",{autocapitalize:"off",autocomplete:"\
email",autocorrect:"off",enterkeyhint:"send",id:"email",inputmode:"email",name:"email",part:"input",spellcheck:"false",type:"\
email"});o.value=t.email;let s=U(o,t),a=j(t);return{root:H(t,()=>e.send(o.value),n,i,o,s.root,a.root),focus:()=>q(o),show:(d,l)=>{
c(n.firstChild,l.title),c(i,l.email),s.show(y(t,d,l),l.intro),a.show(l.send,"send")}}}function oe(t,e){let n=r("h2",{part:"\
title"}),i=r("p",{id:"sent",part:"text"}),o=r("label",{class:"hidden",for:"code",part:"label"}),s=()=>t.problem?.needsNewCode?
e.resend():e.confirm(a.input.value),a=M(s),p=U(a.input,t,"sent"),d=j(t),l=F(e.resend),m=F(e.back),h=r("div",{class:"link\
s",part:"links"},l,m),A=t.isResent;return{root:H(t,s,n,i,o,a.root,p.root,d.root,h),focus:()=>t.problem?.needsNewCode?d.root.
focus():q(a.input),show:(B,u)=>{let k=!!t.problem?.needsNewCode,E=t.wait("send");c(n,u.codeTitle),S(i,u.codeText,t.email),
c(o,u.code),i.hidden=a.root.hidden=o.hidden=l.hidden=k,a.input.readOnly=t.busy==="confirm",t.isResent&&!A&&a.clear(),A=t.
isResent,p.show(y(t,B,u),t.isResent?u.resent:u.spam),d.show(k?u.resend:u.submit,k?"send":"confirm"),c(l,E>0?u.resendIn.replace(
"{time}",T(E)):u.resend),g(l,"disabled",E>0||t.busy!==void 0),c(m,u.other),g(m,"disabled",t.busy!==void 0)}}}function re(t,e){
let n=r("h2",{part:"title",tabindex:"-1"}),i=r("p",{part:"text"}),o=r("button",{part:"button",type:"button"});return o.addEventListener(
"click",e.back),{root:r("div",{class:"panel",part:"form"},n,i,o),focus:()=>n.focus(),show:(s,a)=>{c(n,a.blockedTitle),S(
i,a.blocked,t.email),c(o,a.other)}}}function se(){let t=r("h2",{part:"title",tabindex:"-1"}),e=r("span",{"aria-hidden":"\
true",class:"mark",part:"mark"});return{root:r("div",{class:"panel done",part:"form"},e,t,r("slot",{name:"done"})),focus:()=>t.
focus(),show:(n,i)=>c(t,i.doneTitle)}}function H(t,e,...n){let i=r("form",{class:"panel",novalidate:"",part:"form"},...n);
return i.addEventListener("submit",o=>{o.preventDefault(),e()}),i.addEventListener("input",()=>t.edit(),!0),i}function U(t,e,...n){
let i=r("p",{id:"note",part:"hint"});return t.setAttribute("aria-describedby",[...n,"note"].join(" ")),{root:i,show:(o,s)=>{
c(i,o||s),i.part.value=o?"error":"hint",g(t,"invalid",!!e.problem?.isInField)}}}function j(t){let e=r("span",{"aria-hidd\
en":"true",class:"spinner",part:"spinner"}),n=r("span"),i=r("button",{part:"button",type:"submit"},e,n);return{root:i,show:(o,s)=>{
let a=t.wait(s);c(n,a>0?`${o} · ${T(a)}`:o),L(i,"data-busy",t.busy===s),g(i,"disabled",a>0||t.busy!==void 0)}}}function F(t){
let e=r("button",{part:"link",type:"button"});return e.addEventListener("click",t),e}function q(t){t.focus(),t.select()}var ae=`
:host {
  --_accent: var(--authsession-accent, #14191e);
  --_on-accent: var(--authsession-on-accent, #fff);
  --_error: var(--authsession-error, #b42318);
  --_success: var(--authsession-success, #0b7a4b);
  --_muted: var(--authsession-muted, color-mix(in srgb, currentcolor 72%, transparent));
  --_border: var(--authsession-border, color-mix(in srgb, currentcolor 52%, transparent));
  --_field: var(--authsession-field, transparent);
  --_radius: var(--authsession-radius, 0.5rem);
  display: block;
  position: relative;
  max-inline-size: var(--authsession-max-width, 24rem);
  line-height: 1.5;
  text-align: start;
  -webkit-text-size-adjust: 100%;
}
@supports (color: light-dark(#000, #fff)) {
  :host {
    --_accent: var(--authsession-accent, light-dark(#14191e, #f3f6f8));
    --_on-accent: var(--authsession-on-accent, light-dark(#fff, #14191e));
    --_error: var(--authsession-error, light-dark(#b42318, #ff9d91));
    --_success: var(--authsession-success, light-dark(#0b7a4b, #58d39b));
  }
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
.panel { display: flex; flex-direction: column; margin: 0; }
.hidden {
  position: absolute;
  inline-size: 1px;
  block-size: 1px;
  margin: -1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}
h2 {
  margin: 0 0 1rem;
  font-size: 1.5rem;
  font-weight: 650;
  letter-spacing: -0.01em;
  line-height: 1.25;
  text-wrap: balance;
  word-break: auto-phrase;
  outline: none;
}
p { margin: 0; overflow-wrap: anywhere; }
.panel > [part~='text'] { margin: -0.5rem 0 1.25rem; color: var(--_muted); }
[part~='address'] { font-weight: 600; }
label { margin-block-end: 0.375rem; font-size: 0.875rem; font-weight: 600; }
input, button { font: inherit; letter-spacing: inherit; color: inherit; }
[part~='input'] {
  inline-size: 100%;
  min-block-size: 3rem;
  padding: 0 0.875rem;
  font-size: max(1em, 16px);
  border: 1px solid var(--_border);
  border-radius: var(--_radius);
  background: var(--_field);
}
[part~='input']:focus-visible, button:focus-visible {
  outline: 2px solid var(--_accent);
  outline-offset: 2px;
}
[part~='input'][aria-invalid] { border-color: var(--_error); }
[part~='hint'], [part~='error'] {
  margin-block: 0.5rem 1.25rem;
  font-size: 0.875rem;
  color: var(--_muted);
}
[part~='error'] { color: var(--_error); }
[part~='button'] {
  display: flex;
  align-items: center;
  justify-content: center;
  gap: 0.5rem;
  inline-size: 100%;
  min-block-size: 3rem;
  padding: 0.5rem 1rem;
  border: 1px solid transparent;
  border-radius: var(--_radius);
  background: var(--_accent);
  color: var(--_on-accent);
  font-weight: 600;
  font-variant-numeric: tabular-nums;
  cursor: pointer;
}
[part~='button']:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_on-accent)); }
button[aria-disabled] { cursor: default; }
[part~='button'][aria-disabled]:not([data-busy]) {
  background: color-mix(in srgb, var(--_accent) 12%, transparent);
  color: var(--_muted);
}
.spinner {
  display: none;
  inline-size: 1em;
  block-size: 1em;
  border: 2px solid;
  border-inline-end-color: transparent;
  border-radius: 50%;
}
[data-busy] > .spinner { display: block; }
.links { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; margin-block: 0.5rem -0.625rem; }
[part~='link'] {
  min-block-size: 2.75rem;
  padding: 0;
  border: 0;
  border-radius: 0.25rem;
  background: none;
  font-size: 0.875rem;
  font-variant-numeric: tabular-nums;
  text-align: start;
  text-decoration: underline;
  text-decoration-color: var(--_border);
  text-underline-offset: 0.25em;
  cursor: pointer;
}
[part~='link']:hover { text-decoration-color: currentcolor; }
[part~='link'][aria-disabled] { color: var(--_muted); text-decoration: none; }

.code {
  --_space: 0.5rem;
  --_box: calc((100cqi - 5 * var(--_space)) / 6);
  position: relative;
  block-size: 3.5rem;
  container-type: inline-size;
  overflow: clip;
}
.boxes { position: absolute; inset: 0; display: flex; gap: var(--_space); direction: ltr; }
[part~='digit'] {
  flex: 1;
  border: 1px solid var(--_border);
  border-radius: var(--_radius);
  background: var(--_field);
}
.code:has([aria-invalid]) [part~='digit'] { border-color: var(--_error); }
.code:focus-within [part~='digit-selected'] { background: color-mix(in srgb, currentcolor 14%, transparent); }
.code:focus-within [part~='digit-current'] { outline: 2px solid var(--_accent); outline-offset: -2px; }
[part~='code-input'] {
  position: absolute;
  inset-block: 0;
  left: 0;
  inline-size: calc(100cqi + 2 * var(--_box));
  padding: 0 0 0 calc((var(--_box) - 1ch) / 2);
  border: 0;
  outline: 0;
  background: none;
  font-family: var(--authsession-code-font, ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace)\
;
  font-size: 1.625rem;
  font-variant-numeric: tabular-nums lining-nums;
  font-weight: 600;
  letter-spacing: calc(var(--_box) + var(--_space) - 1ch);
}
[part~='code-input']::selection { background: transparent; color: inherit; }
.done { align-items: flex-start; }
.done > h2 { margin: 0; }
.mark {
  display: grid;
  place-items: center;
  inline-size: 2.75rem;
  block-size: 2.75rem;
  margin-block-end: 1rem;
  border-radius: 50%;
  background: color-mix(in srgb, var(--_success) 16%, transparent);
}
.mark::after {
  inline-size: 0.5rem;
  block-size: 1rem;
  margin-block-start: -0.25rem;
  border: solid var(--_success);
  border-width: 0 3px 3px 0;
  content: '';
  rotate: 45deg;
}
@media (prefers-reduced-motion: no-preference) {
  .panel { animation: enter 160ms ease-out; }
  .spinner { animation: turn 800ms linear infinite; }
  [part~='button'], [part~='input'], [part~='digit'] { transition: background-color 120ms, border-color 120ms; }
}
@keyframes enter { from { opacity: 0; translate: 0 0.25rem; } }
@keyframes turn { to { rotate: 1turn; } }
@media (prefers-contrast: more) {
  :host { --_muted: currentcolor; --_border: currentcolor; }
}
@media (forced-colors: active) {
  [part~='button'] { border-color: ButtonText; }
  button[aria-disabled] { color: GrayText; border-color: GrayText; }
}
`,w;function W(t){w||(w=new CSSStyleSheet,w.replaceSync(ae)),t.adoptedStyleSheets=[w]}var ce=globalThis.HTMLElement??class{},$=new Map,G={isResent:!1},C=class extends ce{static observedAttributes=["base-url",
"locale"];#n;#e=r("div");#a=r("div",{class:"hidden",role:"status"});#o=r("div",{class:"hidden",role:"alert"});#d;#t;#i;#l=G;#r;#s;#c=!1;constructor(){
super(),this.#n=this.attachShadow({mode:"open"}),W(this.#n),this.#n.append(this.#e,this.#a,this.#o)}get client(){return this.#d??=
ue(this.getAttribute("base-url")??"")}set client(e){this.#d=e,this.isConnected&&this.#m()}focus(){this.#i?.focus()}connectedCallback(){
this.#f(),this.#t?this.#t.start():this.#m(),this.#h()}disconnectedCallback(){this.#t?.stop(),this.#v(!1)}attributeChangedCallback(e,n,i){
n===i||!this.isConnected||(e==="base-url"?this.client=void 0:this.#h())}#f(){if(!Object.hasOwn(this,"client"))return;let{
client:e}=this;delete this.client,this.client=e}#m(){this.#t?.stop(),this.#l=G;let{client:e}=this,n=new v(e,{changed:()=>n===
this.#t&&this.#h(),loggedIn:o=>this.#p("authsession-login",{session:o,client:e}),failed:o=>this.#p("authsession-error",{
error:o})});this.#t=n;let i=this.#r=me(this.#b);n.start(),n.restore(pe(i)),this.#h()}#p(e,n){this.dispatchEvent(new CustomEvent(
e,{bubbles:!0,composed:!0,detail:n}))}get#u(){let e=this.closest("[lang]")?.lang;return P([this.getAttribute("locale"),e,
document.documentElement.lang,...navigator.languages])}#h(){let e=this.#t;if(!e)return;let n=this.#u,i=N[n],{step:o,problem:s,
isResent:a,busy:p}=e,d=this.#l;this.#l={step:o,problem:s,isResent:a};let l=this.#n.activeElement!==null;o!==d.step&&this.#x(
o,e),this.#e.lang=n,this.#i?.show(n,i),s!==d.problem&&c(this.#o,y(e,n,i)),c(this.#a,a?i.resent:p?i.busy:"");let m=s!==d.
problem&&(s?.isInField||s?.needsNewCode);(o!==d.step||m||a&&!d.isResent)&&d.step&&this.#y(l),this.#w(e.draft),this.#v(this.
isConnected&&e.wait("send")+e.limit>0)}#x(e,n){this.#i=O(e,n,{send:i=>this.#g(()=>n.send(i,this.#u)),resend:()=>this.#g(
()=>n.resend(this.#u)),confirm:i=>this.#g(()=>n.confirm(i,this.getAttribute("label")??le())),back:()=>this.#g(()=>n.back())}),
this.#e.replaceChildren(this.#i.root)}async#g(e){this.#c=!0,await e(),this.#c=!1}#y(e){let n=this.getRootNode().activeElement,
i=!n||n===document.body||n===this;(e||this.#c&&i)&&this.focus()}get#b(){return`authsession-login ${this.getAttribute("ba\
se-url")??""}`}#w(e){let n=e&&JSON.stringify(e);n!==this.#r&&(this.#r=n,he(this.#b,n))}#v(e){e!==(this.#s!==void 0)&&(clearInterval(
this.#s),this.#s=e?setInterval(()=>this.#t?.tick(),1e3):void 0)}};function ue(t){let e=new URL(t,location.href).href,n=$.
get(e)??de({baseUrl:e});return $.set(e,n),n}function me(t){try{return sessionStorage.getItem(t)??void 0}catch{return}}function pe(t="\
{}"){try{return Object(JSON.parse(t))}catch{return{}}}function he(t,e){try{e===void 0?sessionStorage.removeItem(t):sessionStorage.
setItem(t,e)}catch{}}var V="authsession-login";globalThis.customElements&&!customElements.get(V)&&customElements.define(V,C);export{C as AuthsessionLogin};
