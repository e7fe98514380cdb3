"""A sentence about images, said of signals: the catalogue of the report and the rules of the audit are written once."""

import re

AN = re.compile(r"\b([Aa])n (?=image\b)")
IMAGE = re.compile(r"(?<!\{)\b([Ii])mage(s?)\b")  # {images} is a number's place, and stays
PAIRS = {  # what more than the noun differs, in this order
    "en": (
        ("visual inspection proof", "proof"),
        ("cropped, turned, brighter or darker", "with other noise and other parts missing"),
        ("also when cropped, turned or darkened", "also with noise and parts missing"),
        ("larger images", "longer images"),
        ("another light", "another sensor"),
        ("the camera or the brightness", "the machine or its level"),
        ("fault of the camera", "fault of the sensor"),
        ("camera", "machine"),
        ("light, focus or noise", "offset or level"),
        ("raw pixels", "raw values"),
        ("these pixels", "these values"),
        ("the picture shows", "the signal shows"),
        ("from the pictures", "from the signals"),
        ("Pictures of one group", "Signals of one group"),
    ),
    "ja": (
        ("外観検査 ", ""),
        ("切り出し方・向き・明るさを変えた", "雑音や欠落を加えた"),
        ("写り方が変わっても", "雑音や欠落があっても"),
        ("切り出し・回転・明るさを変えて", "雑音や欠落を加えて"),
        ("切り出し・回転・明るさの変化があっても似て見える", "雑音や欠落があっても似ている"),
        ("ビュー{views}枚", "ビュー{views}個"),
        ("画像サイズの拡大", "信号長の拡大"),
        ("照明", "センサー"),
        ("カメラや明るさ", "機械や振れの大きさ"),
        ("カメラ", "機械"),
        ("明るさ・ピント・ノイズ", "直流分や振れの大きさ"),
        ("撮影", "測定"),
        ("生画素", "生の値"),
        ("画素値", "値"),
        ("画素", "値"),
        ("テスト画像", "テスト用の画像"),  # テスト信号 would be a signal fed in for testing
        ("検証用画像", "検証用の画像"),
        ("学習画像", "学習用の画像"),
        ("ラベル付き画像", "ラベル付きの画像"),
        ("同一画像", "同一の画像"),
        ("重複画像", "重複した画像"),
        ("類似画像", "類似の画像"),
        ("全画像", "すべての画像"),
        ("画像", "信号"),
        ("枚", "件"),
    ),
}


def of_signals(sentence: str, lang: str) -> str:
    """``sentence``, in "en" or "ja", with signals in the place of images; its placeholders stay."""
    for said, instead in PAIRS[lang]:
        sentence = sentence.replace(said, instead)
    sentence = AN.sub(r"\1 ", sentence)
    return IMAGE.sub(lambda noun: f"{'S' if noun[1] == 'I' else 's'}ignal{noun[2]}", sentence)
