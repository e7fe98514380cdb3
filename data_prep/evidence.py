"""What was seen of one image, in words: the facts of a finding as those who inspect read them."""

SAID = {
    "en": {
        "status": "{}",
        "contrast": "contrast {}",
        "missing_share": "share of the picture that is missing: {}",
        "channels": "channels: {}",
        "bits": "bits a channel: {}",
        "value": "measured: {}",
        "usual": "usual among its like: {}",
        "copy_of": "copy of {}",
        "kind": "{}",
        "alike": "likeness {}",
        "column": "column {}",
        "channel": "channel {}",
        "samples": "samples: {}",
        "by": "together by {}",
        "split": "part {}",
        "label_conflict": "their labels differ",
        "listed": "in the table",
        "distance": "distance {}",
        "confidence": "confidence {}",
        "suggested": "suggested: {}",
    },
    "ja": {
        "status": "{}",
        "contrast": "コントラスト {}",
        "missing_share": "欠けている面積の割合 {}",
        "channels": "チャンネル数 {}",
        "bits": "1チャンネルあたり{}ビット",
        "value": "測定値 {}",
        "usual": "同条件の通常値 {}",
        "copy_of": "元の画像 {}",
        "kind": "{}",
        "alike": "類似度 {}",
        "column": "列 {}",
        "channel": "チャンネル {}",
        "samples": "サンプル数 {}",
        "by": "まとめる理由 {}",
        "split": "分割 {}",
        "label_conflict": "ラベルが不一致",
        "listed": "表に記載あり",
        "distance": "距離 {}",
        "confidence": "確信度 {}",
        "suggested": "候補 {}",
    },
}
VALUES = {
    "en": {
        "empty": "empty file",
        "truncated": "file cut short",
        "not_an_image": "not an image",
        "too_big": "too many pixels",
        "unreadable": "can't be read",
        "copy": "saved again",
        "burst": "one of a burst",
        "re-inspection": "the same part, seen again",
        "same product": "the same part",
        "exact_copy": "exact copy",
        "near_copy": "near copy",
    },
    "ja": {
        "empty": "空のファイル",
        "truncated": "途中で切れたファイル",
        "not_an_image": "画像以外のファイル",
        "too_big": "画素数が過大",
        "unreadable": "読み取り不可",
        "copy": "保存し直した画像",
        "burst": "連続撮影",
        "re-inspection": "同じ部品の再検査",
        "same product": "同じ部品",
        "exact_copy": "完全な重複",
        "near_copy": "類似重複",
    },
}
CODED = ("status", "kind", "by")  # facts whose values are words of ours


def in_words(facts: dict, lang: str) -> str:
    """``facts`` of one image as a line in "en" or "ja"; empty if there are none.

    Examples
    --------
    >>> in_words({"status": "empty"}, "en")
    'empty file'
    >>> in_words({"copy_of": "a.png", "label_conflict": False, "kind": "copy", "alike": 0.993}, "en")
    'copy of a.png; saved again; likeness 0.993'
    """
    parts = []
    for key, value in facts.items():
        if value is None or value is False or value == "":
            continue
        said = SAID[lang].get(key, f"{key.replace('_', ' ')}: {{}}")
        if key in CODED:
            value = VALUES[lang].get(value, value)
        parts.append(said.format(f"{value:g}" if isinstance(value, float) else value))
    return {"en": "; ", "ja": "、"}[lang].join(parts)
