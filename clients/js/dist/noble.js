/*! noble-ed25519 - MIT License (c) 2019 Paul Miller (paulmillr.com) */var k=Object.freeze,Z=0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffedn,
U=0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,X=0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n,
S=0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51an,P=0x6666666666666666666666666666666666666666666666666666666666666658n,
Y=Z-1n,ct=k({p:Z,n:U,h:8n,a:Y,d:X,Gx:S,Gy:P}),z=32,H=t=>t instanceof Uint8Array||ArrayBuffer.isView(t)&&t.constructor.name===
"Uint8Array"&&t.BYTES_PER_ELEMENT===1,E=(t,n,e="")=>{if(H(t)&&(n===void 0||t.length===n))return t;let o=H(t),c=n!==void 0?
` of length ${n}`:"",r=o?`length=${t.length}`:`type=${typeof t}`,i=(e?`"${e}" `:"")+"expected Uint8Array"+c+", got "+r;throw o?
new RangeError(i):new TypeError(i)},C=(t,n="",e)=>Uint8Array.from(E(t,e,n)),$=(t,n)=>t.toString(16).padStart(n,"0"),j=t=>{
let n="";for(let e of E(t))n+=$(e,2);return n},M=t=>{let n="hex invalid";if(typeof t!="string")throw new TypeError(n);if(t.
length%2||!/^[\da-f]*$/i.test(t))throw new RangeError(n);let e=new Uint8Array(t.length/2);for(let o=0,c=0;o<e.length;o++,
c+=2){let r=t.charCodeAt(c),i=t.charCodeAt(c+1);e[o]=((r&15)+(r>>6)*9)*16+(i&15)+(i>>6)*9}return e},K=(...t)=>{let n=0;for(let c of t)
n+=E(c).length;let e=new Uint8Array(n),o=0;for(let c of t)e.set(c,o),o+=c.length;return e};var b=(t,n,e,o="bad number: out of range")=>{if(typeof t!="bigint")throw new TypeError(o);if(n<=t&&t<e)return t;throw new RangeError(
o)},f=(t,n=Z)=>(t%=n)>=0n?t:n+t,N=(1n<<255n)-1n,s=t=>{if(t<0n)throw new RangeError("negative coordinate");let n=(t>>255n)*
19n+(t&N);return n=(n>>255n)*19n+(n&N),n%Z},D=t=>f(t,U),it=(t,n)=>{if(t===0n)throw new Error("invert: expected non-zero \
number");if(n<=1n)throw new Error("invert: expected modulus > 1, got "+n);let e=f(t,n),o=n,c=0n,r=1n;for(;e!==0n;){let a=o/
e,d=o-e*a,l=c-r*a;o=e,e=d,c=r,r=l}if(o!==1n)throw new Error("invert: does not exist");return f(c,n)},ft=t=>{let n=ht[t];
if(typeof n!="function")throw new Error("hashes."+t+" not set");return n};var L=async(t,...n)=>E(await ft(t)(K(...n)),64,"digest");var v=t=>{if(t instanceof A)return t;throw new TypeError("Point expected")},I=2n**256n,A=class t{static BASE;static ZERO;X;Y;Z;T;constructor(n,e,o,c){
let r=I;this.X=b(n,0n,r),this.Y=b(e,0n,r),this.Z=b(o,1n,r),this.T=b(c,0n,r),k(this)}static CURVE(){return ct}static fromAffine(n){
return new t(n.x,n.y,1n,s(n.x*n.y))}static fromBytes(n,e=!1){let o=C(n,"point",z),c=o[31];o[31]=c&-129;let r=J(o);e||b(r,
0n,Z);let i=s(r*r),a=f(i-1n),d=s(X*i+1n),{isValid:l,value:y}=yt(a,d);if(!l)throw new Error("bad point: y not sqrt");let u=!!(c&
128);if(!e&&y===0n&&u)throw new Error("bad point: x==0, isLastByteOdd");return u!==!!(y&1n)&&(y=f(-y)),new t(y,r,1n,s(y*
r))}static fromHex(n,e){return t.fromBytes(M(n),e)}get x(){return this.toAffine().x}get y(){return this.toAffine().y}assertValidity(){
let n=Y,e=X,o=this;if(o.is0())throw new Error("bad point: ZERO");let{X:c,Y:r,Z:i,T:a}=o,d=s(c*c),l=s(r*r),y=s(i*i),u=s(y*
y),w=s(d*n),p=s(y*(w+l)),x=f(u+s(e*s(d*l)));if(p!==x)throw new Error("bad point: equation left != right (1)");let B=s(c*
r),T=s(i*a);if(B!==T)throw new Error("bad point: equation left != right (2)");return this}equals(n){let{X:e,Y:o,Z:c}=this,
{X:r,Y:i,Z:a}=v(n);return s(e*a)===s(r*c)&&s(o*a)===s(i*c)}is0(){return this.equals(g)}negate(){return new t(f(-this.X),
this.Y,this.Z,f(-this.T))}double(){let{X:n,Y:e,Z:o}=this,c=Y,r=s(n*n),i=s(e*e),a=s(2n*o*o),d=s(c*r),l=f(n+e),y=f(s(l*l)-
r-i),u=f(d+i),w=f(u-a),p=f(d-i),x=s(y*w),B=s(u*p),T=s(y*p),R=s(w*u);return new t(x,B,R,T)}add(n){let{X:e,Y:o,Z:c,T:r}=this,
{X:i,Y:a,Z:d,T:l}=v(n),y=Y,u=X,w=s(e*i),p=s(o*a),x=s(s(r*u)*l),B=s(c*d),T=f(s(f(e+o)*f(i+a))-w-p),R=f(B-x),O=f(B+x),q=f(
p-s(y*w)),et=s(T*R),st=s(O*q),ot=s(T*q),rt=s(R*O);return new t(et,st,rt,ot)}subtract(n){return this.add(v(n).negate())}multiply(n,e=!0){
if(!e&&n===0n||(b(n,1n,U),!e&&this.is0()))return g;if(n===1n)return this;if(this.equals(m))return pt(n).p;let o=g,c=m,r=this;
for(let i=0;e?i<256:n>0n;i++)n&1n?o=o.add(r):e&&(c=c.add(r)),r=r.double(),n>>=1n;return o}multiplyUnsafe(n){return this.
multiply(n,!1)}toAffine(){let{X:n,Y:e,Z:o}=this;if(this.equals(g))return{x:0n,y:1n};let c=it(o,Z);if(s(o*c)!==1n)throw new Error(
"invalid inverse");return{x:s(n*c),y:s(e*c)}}toBytes(){let{x:n,y:e}=this.toAffine(),o=W(e);return o[31]|=n&1n?128:0,o}toHex(){
return j(this.toBytes())}clearCofactor(){return this.multiply(8n,!1)}isSmallOrder(){return this.clearCofactor().is0()}isTorsionFree(){
return this.multiply(U/2n,!1).double().add(this).is0()}},m=new A(S,P,1n,f(S*P)),g=new A(0n,1n,1n,0n);A.BASE=m;A.ZERO=g;var W=t=>M(
$(b(t,0n,I),64)).reverse(),J=t=>BigInt("0x"+j(Uint8Array.from(E(t)).reverse())),h=(t,n)=>{let e=t;for(;n-- >0;)e=s(e*e);
return e},at=t=>{let n=s(t*t),e=s(n*t),o=s(h(e,2)*e),c=s(h(o,1)*t),r=s(h(c,5)*c),i=s(h(r,10)*r),a=s(h(i,20)*i),d=s(h(a,40)*
a),l=s(h(d,80)*d),y=s(h(l,80)*d),u=s(h(y,10)*r);return s(h(u,2)*t)},_=0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0n,
yt=(t,n)=>{let e=s(n*s(n*n)),o=s(s(e*e)*n),c=at(s(t*o)),r=s(t*s(e*c)),i=s(n*s(r*r)),a=r,d=s(r*_),l=i===t,y=i===f(-t),u=i===
f(-t*_);return l&&(r=a),(y||u)&&(r=d),(f(r)&1n)===1n&&(r=f(-r)),{isValid:l||y,value:r}},V=t=>D(J(t)),dt=t=>{let n=C(t),e=n.
slice(0,32);e[0]&=248,e[31]&=127,e[31]|=64;let o=n.slice(32),c=V(e),r=m.multiply(c),i=r.toBytes();return{head:e,prefix:o,
scalar:c,point:r,pointBytes:i}},Q=t=>L("sha512Async",E(t,z,"secretKey")).then(dt);var tt=t=>Q(t).then(n=>n.pointBytes);var lt=async t=>t[1](await L("sha512Async",t[0]));var ut=(t,n,e)=>{let{pointBytes:o,scalar:c}=t,r=V(n),i=m.multiply(r).toBytes();return[K(i,o,e),l=>{let y=D(r+V(l)*c);return E(
K(i,W(y)),64)}]},nt=async(t,n)=>{let e=C(t,"message"),o=await Q(n);return lt(ut(o,await L("sha512Async",o.prefix,e),e))};var ht={sha512Async:async t=>{let n=globalThis?.crypto?.subtle;if(!n)throw new Error("crypto.subtle must be defined, con\
sider polyfill");return new Uint8Array(await n.digest("SHA-512",K(t)))},sha512:void 0};var wt=()=>{let t=[],n=m,e;for(let o=0;o<33;o++){e=n,t.push(e);for(let c=1;c<128;c++)e=e.add(n),t.push(e);n=e.double()}return t},
F,G=(t,n)=>{let e=n.negate();return t?e:n},pt=t=>{let n=F||(F=wt()),e=g,o=m;for(let c=0;c<33;c++){let r=Number(t&255n);t>>=
8n,r>128&&(r-=256,t+=1n);let i=c*128,a=i+Math.abs(r)-1,d=c%2!==0,l=r<0;r===0?o=o.add(G(d,n[i])):e=e.add(G(l,n[a]))}if(t!==
0n)throw new Error("invalid wnaf");return{p:e,f:o}};async function At(){let t=crypto.getRandomValues(new Uint8Array(32));return{seed:t,publicKey:await tt(t)}}function mt(t,n){
return nt(n,t)}export{At as generate,mt as sign};
