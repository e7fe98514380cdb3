"""What was seen of one image, in words: the facts of a finding as those who inspect read them."""

SAID = {
    "en": {
        "status": "{}",
        "instead": "the file is called {}",
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
        "instead": "実際のファイル名 {}",
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
        "other_format": "a format that is not read",
        "colour_space": "a colour space that is not converted",
        "no_measurement": "no pixel holds a measurement",
        "broken_link": "a link that leads nowhere",
        "is_folder": "a folder, not a file",
        "closed_folder": "in a folder that may not be read",
        "other_case": "capital and small letters differ",
        "other_width": "full-width and half-width characters differ",
        "other_suffix": "there with another suffix",
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
        "other_format": "未対応の形式",
        "colour_space": "変換できない色空間",
        "no_measurement": "有効な画素なし",
        "broken_link": "リンク切れ",
        "is_folder": "ファイルではなくフォルダ",
        "closed_folder": "読み取り権限のないフォルダ内",
        "other_case": "大文字・小文字の違い",
        "other_width": "全角・半角の違い",
        "other_suffix": "拡張子の違い",
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
        template = SAID[lang].get(key, f"{key.replace('_', ' ')}: {{}}")
        if key in CODED:
            value = VALUES[lang].get(value, value)
        parts.append(template.format(f"{value:g}" if isinstance(value, float) else value))
    return {"en": "; ", "ja": "、"}[lang].join(parts)
