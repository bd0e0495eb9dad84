"""What a letter says, in every language of `shared.kernel.language`. Words only; `letters.py` puts them together."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.kernel.language import DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class Wording:
    """`{code}` and `{minutes}` are put in. The same sentence for one minute and for several where grammar allows."""

    subject: str
    heading: str
    valid_one_minute: str
    valid_minutes: str
    advice: str


WORDINGS: Mapping[str, Wording] = {
    "en": Wording(
        subject="{code} is your login code",
        heading="Your login code:",
        valid_one_minute="It is valid for 1 minute.",
        valid_minutes="It is valid for {minutes} minutes.",
        advice="Do not share this code with anyone. If you did not ask for it, you can ignore this message.",
    ),
    "de": Wording(
        subject="{code} ist Ihr Anmeldecode",
        heading="Ihr Anmeldecode:",
        valid_one_minute="Er ist 1 Minute lang gültig.",
        valid_minutes="Er ist {minutes} Minuten lang gültig.",
        advice="Geben Sie diesen Code an niemanden weiter. Wenn Sie ihn nicht angefordert haben, können Sie diese "
        "Nachricht ignorieren.",
    ),
    "es": Wording(
        subject="{code} es tu código de acceso",
        heading="Tu código de acceso:",
        valid_one_minute="Es válido durante 1 minuto.",
        valid_minutes="Es válido durante {minutes} minutos.",
        advice="No compartas este código con nadie. Si no lo has solicitado, puedes ignorar este mensaje.",
    ),
    "fr": Wording(
        subject="{code} est votre code de connexion",
        heading="Votre code de connexion :",
        valid_one_minute="Il est valable 1 minute.",
        valid_minutes="Il est valable {minutes} minutes.",
        advice="Ne communiquez ce code à personne. Si vous ne l’avez pas demandé, vous pouvez ignorer ce message.",
    ),
    "pt": Wording(
        subject="{code} é o seu código de acesso",
        heading="O seu código de acesso:",
        valid_one_minute="É válido por 1 minuto.",
        valid_minutes="É válido por {minutes} minutos.",
        advice="Não revele este código a ninguém. Se não o solicitou, pode ignorar esta mensagem.",
    ),
    "ja": Wording(
        subject="{code} がログインコードです",
        heading="ログインコード：",
        valid_one_minute="有効期間は 1 分です。",
        valid_minutes="有効期間は {minutes} 分です。",
        advice="このコードは誰にも教えないでください。お心当たりがない場合は、このメールを無視してください。",
    ),
    "zh-Hans": Wording(
        subject="{code} 是您的登录验证码",
        heading="您的登录验证码：",
        valid_one_minute="验证码在 1 分钟内有效。",
        valid_minutes="验证码在 {minutes} 分钟内有效。",
        advice="请勿将验证码告诉任何人。如果不是您本人操作，请忽略此邮件。",
    ),
}


def wording(locale: str) -> tuple[str, Wording]:
    """The wording and its language tag; English for a language that we do not speak (any more)."""
    tag = locale if locale in WORDINGS else DEFAULT_LANGUAGE
    return tag, WORDINGS[tag]
